// Package investigation asks holmesgpt-api for a root cause and a workflow.
//
// One call is one try: nothing is repeated and nothing cached here. An error says whether another try can help. The service
// being away, slow or broken may pass; a refusal (no valid token, no role, a request that it does not take) will not, until
// somebody mends it, and comes with ErrRefused. An answer that no status can hold comes with ErrInvalid.
package investigation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/bearer"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

const (
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 1 << 20
	// errorTail bounds what is kept of a refusal.
	errorTail = 512
)

// Errors that no further try will overcome. What has none of them in its chain may pass.
var (
	ErrRefused = errors.New("refused")
	ErrInvalid = errors.New("not a valid answer")
)

// Config says where holmesgpt-api is.
type Config struct {
	// URL is its base URL. Required.
	URL string
	// TokenFile holds the bearer token; empty means bearer.DefaultTokenFile.
	TokenFile string
	// Timeout bounds one call; 0 means 60 s.
	Timeout time.Duration
}

// Client is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// New checks the URL. It does not connect.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("holmesgpt-api URL must be http(s)://host[:port], got %q", cfg.URL)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 60 * time.Second
	}
	return &Client{base: base, http: &http.Client{Timeout: cfg.Timeout, Transport: bearer.Transport{TokenFile: cfg.TokenFile}}}, nil
}

// Investigate asks about an analysis's signal, by the recovery route when a workflow has failed before.
func (c *Client) Investigate(ctx context.Context, analysis *v1alpha1.AIAnalysis) (response holmesgpt.Response, err error) {
	path, request := Request(analysis)
	body, err := json.Marshal(request)
	if err != nil {
		return response, fmt.Errorf("encoding the request to investigate %q: %w", analysis.Name, err)
	}
	if err := c.post(ctx, path, body, &response); err != nil {
		return holmesgpt.Response{}, fmt.Errorf("asking holmesgpt-api to investigate %q: %w", analysis.Name, err)
	}
	if err := check(response); err != nil {
		return holmesgpt.Response{}, fmt.Errorf("asking holmesgpt-api to investigate %q: %w: %w", analysis.Name, ErrInvalid, err)
	}
	return response, nil
}

func (c *Client) post(ctx context.Context, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return nil
	}
	// What cannot be read of a refusal is not missed.
	tail, _ := io.ReadAll(io.LimitReader(response.Body, errorTail))
	err = fmt.Errorf("it answered %d: %s", response.StatusCode, bytes.TrimSpace(tail))
	if refusal(response.StatusCode) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// refusal says that the same request will be answered alike. Of the client errors, those about time and load pass.
func refusal(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// check looks at what the decision depends on.
func check(response holmesgpt.Response) error {
	if !unit(response.Confidence) {
		return fmt.Errorf("confidence must be 0 to 1, got %v", response.Confidence)
	}
	workflow := response.SelectedWorkflow
	switch {
	case workflow == nil:
		return nil
	case workflow.WorkflowID == "":
		return errors.New("the selected workflow has no workflow_id")
	case !unit(workflow.Confidence):
		return fmt.Errorf("the selected workflow's confidence must be 0 to 1, got %v", workflow.Confidence)
	}
	return nil
}

func unit(value float64) bool { return value >= 0 && value <= 1 }
