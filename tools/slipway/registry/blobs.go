package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// answerError is a refusal together with the time after which the registry wants to be asked again.
type answerError struct {
	refusal *transport.Error
	after   time.Duration // 0 when the registry names none
}

func (e *answerError) Error() string { return e.refusal.Error() }
func (e *answerError) Unwrap() error { return e.refusal }

// blobExists asks for a blob without its bytes.
func (s *session) blobExists(ctx context.Context, repo name.Repository, digest string) (bool, error) {
	resp, err := s.do(ctx, http.MethodHead, s.url(repo, "/blobs/"+digest), nil)
	if err != nil {
		return false, err
	}
	err = check(resp, http.StatusOK, http.StatusNotFound)
	return err == nil && resp.StatusCode == http.StatusOK, err
}

// begin opens an upload, or takes the blob over from another repository of the registry when from is not "". location is
// where the bytes go; it is empty when the registry has taken the blob over.
func (s *session) begin(ctx context.Context, repo name.Repository, digest, from string) (location string, err error) {
	target := s.url(repo, "/blobs/uploads/")
	if from != "" {
		target += "?" + url.Values{"mount": {digest}, "from": {from}}.Encode()
	}
	resp, err := s.do(ctx, http.MethodPost, target, nil)
	if err != nil {
		return "", err
	}
	if err := check(resp, http.StatusCreated, http.StatusAccepted); err != nil {
		return "", err
	}
	if resp.StatusCode == http.StatusCreated {
		if from == "" {
			return "", fmt.Errorf("the registry answers 201 Created to an upload that has not begun")
		}
		return "", nil
	}
	return s.location(resp)
}

// location is where an upload goes on. It may be on another host, which gets no credentials, but never in plain text when
// the registry itself has TLS.
func (s *session) location(resp *http.Response) (string, error) {
	at, err := resp.Location()
	if err != nil {
		return "", errors.New("the registry names no location for the upload")
	}
	return at.String(), s.private(at)
}

// private refuses what would go to another host in plain text.
func (s *session) private(at *url.URL) error {
	if at.Scheme == "http" && at.Host != s.meter.host && s.meter.scheme == "https" {
		return fmt.Errorf("the registry leads to %s without TLS", at.Host)
	}
	return nil
}

// redirected is location for the other way to lead an upload elsewhere.
func (s *session) redirected(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return s.private(req.URL)
}

// send puts the whole blob with one request: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put.
func (s *session) send(ctx context.Context, location string, blob plan.Blob, open func() (io.ReadCloser, error)) error {
	at, err := url.Parse(location)
	if err != nil {
		return err
	}
	query := at.Query()
	query.Set("digest", blob.Digest)
	at.RawQuery = query.Encode()
	resp, err := s.do(ctx, http.MethodPut, at.String(), func(req *http.Request) (err error) {
		req.ContentLength, req.GetBody = blob.Size, open
		req.Header.Set("Content-Type", "application/octet-stream")
		if blob.Size == 0 { // net/http would take it for a body of unknown length
			req.Body = http.NoBody
			return nil
		}
		req.Body, err = open()
		return err
	})
	if err != nil {
		return err
	}
	return check(resp, http.StatusCreated, http.StatusNoContent)
}

func (s *session) url(repo name.Repository, path string) string {
	return s.meter.scheme + "://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr() + path
}

// do sends a request without body, or with the one that edit gives it.
func (s *session) do(ctx context.Context, method, target string, edit func(*http.Request) error) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	if edit != nil {
		if err := edit(req); err != nil {
			return nil, err
		}
	}
	return s.client.Do(req)
}

// check closes the answer and makes an error of one with another status.
func check(resp *http.Response, statuses ...int) error {
	defer resp.Body.Close()
	err := transport.CheckError(resp, statuses...)
	var refusal *transport.Error
	if errors.As(err, &refusal) {
		return &answerError{refusal, source.RetryAfter(resp.Header.Get("Retry-After"), 0)}
	}
	return err
}
