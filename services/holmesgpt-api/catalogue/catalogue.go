// Package catalogue asks datastorage for workflows.
//
// Nothing is cached and nothing repeated: a workflow that was disabled a moment ago must not be chosen, and the client of
// an investigation tries again anyway.
package catalogue

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

	"github.com/kubernaut/kubernaut/services/internal/bearer"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
)

// maxAnswer bounds one answer in bytes; the content of one workflow may have 512 KiB.
const maxAnswer = 16 << 20

// errorTail bounds what is kept of a refusal.
const errorTail = 512

// ErrNotFound says that the catalogue has no such workflow; ErrUnavailable that it could not be asked, or gave no answer of
// use. One of them is in the chain of every error of a call.
var (
	ErrNotFound    = errors.New("not in the catalogue")
	ErrUnavailable = errors.New("the catalogue cannot be asked")
)

// Config says where the catalogue is.
type Config struct {
	// URL is datastorage's base URL. Required.
	URL string
	// TokenFile holds the bearer token; empty means bearer.DefaultTokenFile.
	TokenFile string
	// Timeout bounds one call; 0 means 10 s.
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
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("catalogue URL must be http(s)://host[:port], got %q", cfg.URL)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	caller := &http.Client{Timeout: cfg.Timeout, Transport: bearer.Transport{TokenFile: cfg.TokenFile}}
	return &Client{base: base.JoinPath("/api/v1/workflows"), http: caller}, nil
}

// Search returns the workflows that fit, best first.
func (c *Client) Search(ctx context.Context, request catalog.SearchRequest) (response catalog.SearchResponse, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return response, fmt.Errorf("encoding search of the catalogue: %w", err)
	}
	err = c.call(ctx, http.MethodPost, c.base.JoinPath("search"), body, &response)
	if err != nil {
		return response, fmt.Errorf("searching the catalogue: %w", err)
	}
	return response, nil
}

// Workflow returns the latest version of a workflow, whatever its status. id must be a UUID.
func (c *Client) Workflow(ctx context.Context, id string) (workflow catalog.Workflow, err error) {
	if err := c.call(ctx, http.MethodGet, c.base.JoinPath(url.PathEscape(id)), nil, &workflow); err != nil {
		return workflow, fmt.Errorf("reading workflow %q: %w", id, err)
	}
	return workflow, nil
}

func (c *Client) call(ctx context.Context, method string, target *url.URL, body []byte, answer any) error {
	err := c.send(ctx, method, target, body, answer)
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (c *Client) send(ctx context.Context, method string, target *url.URL, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return read(response, answer)
}

func read(response *http.Response, answer any) error {
	switch response.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer)
	case http.StatusNotFound:
		return ErrNotFound
	}
	// What cannot be read of a refusal is not missed.
	tail, _ := io.ReadAll(io.LimitReader(response.Body, errorTail))
	return fmt.Errorf("datastorage answered %d: %s", response.StatusCode, bytes.TrimSpace(tail))
}
