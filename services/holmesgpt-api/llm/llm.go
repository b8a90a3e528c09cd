// Package llm speaks with a large language model by way of any server that offers OpenAI's chat completions.
//
// It is a thin adapter over OpenAI's own client: the investigation sees messages and tool calls, and no wire types. The
// client library's environment variables are not read; what is configured holds. Its retries (connection failures, 408,
// 409, 429, 5xx) are kept, and shortened, because a caller waits.
//
// The key is sent to the endpoint and goes nowhere else. Errors hold the server's status and never its body, which may
// quote the request.
//
// https://platform.openai.com/docs/api-reference/chat
package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// maxAnswer bounds one answer in bytes. A final analysis has a few thousand.
const maxAnswer = 4 << 20

// ErrNoAnswer is in the chain of every error of Complete: the model is away, refuses, or answers nothing.
var ErrNoAnswer = errors.New("no answer from the model")

// Config says which model is asked, and how.
type Config struct {
	// Endpoint is the server's base URL; without a path, /v1 is added. Required.
	Endpoint string
	// Model is the model's name at the endpoint. Required.
	Model string
	// Key is sent as the bearer token; empty means the content of KeyFile.
	Key string
	// KeyFile is read at every call, since a mounted Secret may change; empty means no key.
	KeyFile string
	// Timeout bounds one call with its retries; 0 means 30 s.
	Timeout time.Duration
}

// Client is safe for concurrent use.
type Client struct {
	cfg         Config
	address     string
	completions openai.ChatCompletionService
}

// New checks the endpoint. It does not connect.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Endpoint)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("llm endpoint must be http(s)://host[:port][/path], got %q", cfg.Endpoint)
	}
	if strings.Trim(base.Path, "/") == "" {
		base.Path = "/v1"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	return &Client{
		cfg:     cfg,
		address: address(base),
		completions: openai.NewChatCompletionService(
			option.WithBaseURL(strings.TrimSuffix(base.String(), "/")+"/"),
			option.WithHTTPClient(&http.Client{Transport: bounded{http.DefaultTransport}}),
			option.WithMaxRetries(2),
			option.WithMaxRetryDelay(2*time.Second),
		),
	}, nil
}

func address(base *url.URL) string {
	port := base.Port()
	if port == "" {
		port = base.Scheme // net knows http and https as names of ports
	}
	return net.JoinHostPort(base.Hostname(), port)
}

// Reachable returns an error unless the endpoint accepts a connection. It sends nothing: a probe must not cost tokens.
func (c *Client) Reachable(ctx context.Context) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("connecting to the model's endpoint: %w", err)
	}
	return connection.Close()
}

// Complete returns what the model says after the messages: text, or calls of the tools. Without tools it can only say
// text.
func (c *Client) Complete(ctx context.Context, messages []Message, tools []Tool) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	key, err := c.key()
	if err != nil {
		return Message{}, err
	}
	params := openai.ChatCompletionNewParams{Model: c.cfg.Model, Messages: messageParams(messages), Tools: toolParams(tools)}
	var options []option.RequestOption
	if key != "" {
		options = append(options, option.WithAPIKey(key))
	}
	answer, err := c.completions.New(ctx, params, options...)
	if err != nil {
		return Message{}, fmt.Errorf("asking model %q: %w: %w", c.cfg.Model, ErrNoAnswer, err)
	}
	if len(answer.Choices) == 0 {
		return Message{}, fmt.Errorf("asking model %q: %w: the completion has no choices", c.cfg.Model, ErrNoAnswer)
	}
	return reply(answer.Choices[0].Message), nil
}

func (c *Client) key() (string, error) {
	if c.cfg.Key != "" || c.cfg.KeyFile == "" {
		return c.cfg.Key, nil
	}
	data, err := os.ReadFile(c.cfg.KeyFile)
	if err != nil {
		return "", fmt.Errorf("%w: reading the model's key: %w", ErrNoAnswer, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// bounded cuts answers off at maxAnswer, which makes them broken JSON.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err == nil {
		response.Body = limited{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

type limited struct {
	io.Reader
	io.Closer
}
