// Package wire speaks HTTP with a service under test.
//
// A call is repeated only when the connection could not be opened, which says that the service never saw it: a NodePort
// refuses for a moment while endpoints settle. Whatever a service answers is the test's to judge.
package wire

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Client is safe for concurrent use.
type Client struct {
	http    http.Client
	base    string
	retries int
}

// Request is one call; zero fields are left out.
type Request struct {
	Method string // empty means GET
	Path   string // with its query
	Body   string
	Header map[string]string // an empty value leaves the header out
	Token  string            // bearer token
}

// Response is an answer whose body was read to its end.
type Response struct {
	Status      int
	ContentType string
	Body        string
}

// NewClient returns a client of the service at base, for instance "http://127.0.0.1:31234". Each request gets a
// connection of its own, so that many requests reach many replicas.
func NewClient(base string) *Client {
	return NewClientOver(base, &http.Transport{DisableKeepAlives: true})
}

// NewClientOver is NewClient over a given transport, which may add credentials.
func NewClientOver(base string, transport http.RoundTripper) *Client {
	return &Client{base: base, retries: 20, http: http.Client{Timeout: 60 * time.Second, Transport: transport}}
}

// Do sends r and returns the answer, whatever its status.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	for try := 0; ; try++ {
		response, err := c.once(ctx, r)
		if err == nil || try == c.retries || !unopened(err) {
			return response, err
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return Response{}, ctx.Err()
		}
	}
}

// Want is Do, with an error unless the answer has the wanted status.
func (c *Client) Want(ctx context.Context, status int, r Request) (Response, error) {
	response, err := c.Do(ctx, r)
	if err == nil && response.Status != status {
		err = fmt.Errorf("%s %s answers %d %s, want %d", cmp.Or(r.Method, http.MethodGet), r.Path, response.Status, response.Body, status)
	}
	return response, err
}

func (c *Client) once(ctx context.Context, r Request) (Response, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Response{}, err
	}
	for name, value := range r.Header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Response{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Response{Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), Body: string(body)}, err
}

// unopened reports whether the service cannot have seen the request.
func unopened(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// JSON decodes the body.
func (r Response) JSON(target any) error {
	if err := json.Unmarshal([]byte(r.Body), target); err != nil {
		return fmt.Errorf("decoding %q: %w", r.Body, err)
	}
	return nil
}
