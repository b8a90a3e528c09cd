// Package registry pushes an image layout to an OCI registry
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push).
//
// A push asks before it sends: the manifest by HEAD, then each blob by HEAD. What is there is not sent again. Blobs go
// first, then manifests from the leaves up, then tags, so an interrupted push leaves nothing that refers to a missing
// blob. Registries on the loopback interface are spoken to by plain HTTP, all others by HTTPS.
//
// There are no cross-repository mounts, chunked uploads or pulls.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Client speaks to one repository of a registry. It is safe for concurrent use once its fields are set.
type Client struct {
	HTTP        *http.Client
	Repository  Repository
	Credentials Credentials
	PlainHTTP   bool

	mu     sync.Mutex
	header string // value of Authorization, once the registry has asked for one
}

// body opens a request's content anew for each attempt.
type body struct {
	open func() (io.ReadCloser, error)
	size int64 // bytes
	kind string
}

// StatusError is an answer that was not the expected one.
type StatusError struct {
	Method, Path string
	Status       int
	Detail       string // the beginning of the registry's explanation
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func statusError(response *http.Response) error {
	detail, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	return &StatusError{
		Method: response.Request.Method,
		Path:   response.Request.URL.Path,
		Status: response.StatusCode,
		Detail: strings.Join(strings.Fields(string(detail)), " "),
	}
}

// url returns the address of a path below the repository.
func (c *Client) url(path string) string {
	scheme := "https"
	if c.PlainHTTP {
		scheme = "http"
	}
	return (&url.URL{Scheme: scheme, Host: c.Repository.Host, Path: "/v2/" + c.Repository.Name + path}).String()
}

// do sends a request, and once more with an answer to the registry's challenge. The caller closes the response's body.
func (c *Client) do(ctx context.Context, method, address string, content *body) (*http.Response, error) {
	response, err := c.send(ctx, method, address, content)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	challenge := response.Header.Get("WWW-Authenticate")
	authorization, err := c.authorization(ctx, challenge)
	if err != nil || authorization == "" {
		if err == nil {
			err = statusError(response)
		}
		response.Body.Close()
		return nil, err
	}
	response.Body.Close()
	c.mu.Lock()
	c.header = authorization
	c.mu.Unlock()
	return c.send(ctx, method, address, content)
}

func (c *Client) send(ctx context.Context, method, address string, content *body) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	if content != nil {
		if request.Body, err = content.open(); err != nil {
			return nil, err
		}
		if content.size == 0 {
			request.Body = http.NoBody // net/http takes length 0 with a body for "unknown"
		}
		request.ContentLength = content.size
		request.Header.Set("Content-Type", content.kind)
	}
	c.mu.Lock()
	authorization := c.header
	c.mu.Unlock()
	// An upload may be on another host, which must not see the registry's token.
	if authorization != "" && request.URL.Host == c.Repository.Host {
		request.Header.Set("Authorization", authorization)
	}
	return c.roundTrip(request)
}

// roundTrip sends a request as it is. Its error names the URL without the query, which is a credential where an upload's
// location is signed.
func (c *Client) roundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.HTTP.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		failed.URL, _, _ = strings.Cut(failed.URL, "?")
	}
	return response, err
}

// exists asks for a path by HEAD.
func (c *Client) exists(ctx context.Context, path string) (bool, error) {
	response, err := c.do(ctx, http.MethodHead, c.url(path), nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, statusError(response)
}

// expect sends a request and returns the headers of an answer with the wanted status.
func (c *Client) expect(ctx context.Context, status int, method, address string, content *body) (*http.Response, error) {
	response, err := c.do(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		return nil, statusError(response)
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
	return response, err
}

// SpeaksTLS reports whether the registry answers HTTPS at all, for registries that need not.
func (c *Client) SpeaksTLS(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.Repository.Host+"/v2/", nil)
	if err != nil {
		return false
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return true
}
