package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// httpFetcher gets blobs by HTTP, with Range where a stream continues.
type httpFetcher struct {
	client  *http.Client
	account *account
	address func(hex string) string
}

// fetch implements fetcher.
func (f *httpFetcher) fetch(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	resp, err := f.get(ctx, blob, offset)
	if err == nil && offset > 0 && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		resp.Body.Close()
		resp, err = f.get(ctx, blob, 0)
	}
	if err != nil {
		return nil, err
	}
	body, err := f.body(resp, blob, offset)
	if err != nil {
		resp.Body.Close()
	}
	return body, err
}

func (f *httpFetcher) get(ctx context.Context, blob plan.Blob, offset int64) (*http.Response, error) {
	hex, err := hexOf(blob)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address(hex), nil)
	if err != nil {
		return nil, err
	}
	headers, err := f.account.headers(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		req.Header.Add(h.Name, h.Value)
	}
	if offset > 0 {
		// With its end: some servers, go-containerregistry's too, know no open range.
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, blob.Size-1))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, connectionError(err)
	}
	return resp, nil
}

func (f *httpFetcher) body(resp *http.Response, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	switch {
	case resp.StatusCode == http.StatusOK && resp.ContentLength >= 0 && resp.ContentLength != blob.Size:
		return nil, &CorruptError{Blob: blob, Problem: fmt.Sprintf("the server has %d bytes instead of %d", resp.ContentLength, blob.Size)}
	case resp.StatusCode == http.StatusOK: // of a server without ranges: from the start
		return &httpBody{resp.Body, offset}, nil
	case resp.StatusCode == http.StatusPartialContent:
		var first int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != offset {
			return nil, fmt.Errorf("asked for bytes from %d on, got %q", offset, resp.Header.Get("Content-Range"))
		}
		return &httpBody{resp.Body, 0}, nil
	}
	return nil, f.refusal(resp)
}

// refusal is an answer other than the blob. Bodies are not repeated: they may echo what was sent.
func (f *httpFetcher) refusal(resp *http.Response) error {
	answer := &failure{err: errors.New(resp.Status)}
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return fs.ErrNotExist
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		answer.err = fmt.Errorf("%s: %s", f.account.refused(), resp.Status)
		answer.endpoint, answer.transient = true, f.account.renew()
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		answer.transient, answer.endpoint = true, code != http.StatusInternalServerError
		answer.after = RetryAfter(resp.Header.Get("Retry-After"), 0)
	}
	return answer
}

// connectionError is a request without an answer.
func connectionError(err error) error {
	var client *url.Error // its text repeats the whole address; that of a token runs below that of the blob
	for errors.As(err, &client) {
		err = client.Err
	}
	return &failure{err: err, transient: !untrusted(err), endpoint: true}
}

// redirected keeps the credentials from other hosts than the endpoint's; the standard library knows Authorization alone.
func (f *httpFetcher) redirected(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if first := via[0].URL; req.URL.Host == first.Host && req.URL.Scheme == first.Scheme {
		return nil
	}
	headers, err := f.account.headers(req.Context())
	for _, h := range headers {
		req.Header.Del(h.Name)
	}
	return err
}

// httpBody reads a body, without its first bytes where the server sent what was not asked for.
type httpBody struct {
	io.ReadCloser
	skip int64
}

// Read implements io.Reader. It returns no bytes and no error for bytes that it leaves out, so that a caller who measures
// silence hears them.
func (b *httpBody) Read(p []byte) (int, error) {
	skipping := b.skip > 0
	if skipping {
		p = p[:min(int64(len(p)), b.skip)]
	}
	n, err := b.ReadCloser.Read(p)
	if skipping {
		b.skip -= int64(n)
		n = 0
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &failure{err: err, transient: true}
	}
	return n, err
}
