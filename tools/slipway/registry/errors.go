package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// DeniedError is a registry that does not let these credentials do what the push needs: status 401 or 403.
type DeniedError struct {
	Label      string // "//services/gateway:image"
	Repository string // "ghcr.io/kubernaut/kubernaut/gateway"
	Reading    bool   // nothing would have been written
	Status     int
	Detail     string // what the registry says, without credentials; may be empty
}

func (e *DeniedError) Error() string {
	return doing(e.Label, e.Repository, e.Reading) + ": " + statusText(e.Status, e.Detail)
}

// Cause is "403 Forbidden (this token cannot write packages)".
func (e *DeniedError) Cause() string { return statusText(e.Status, e.Detail) }

// Registry is the host to log in to.
func (e *DeniedError) Registry() string { return hostOf(e.Repository) }

// UnreachableError is a registry that cannot be spoken to: no connection, no TLS, no answer in time, or only answers that
// ask to come back later.
type UnreachableError struct {
	Label      string
	Repository string
	Reading    bool
	Detail     string
	Status     int // of the answer that asks to come back later; 0 when there was no answer
	err        error
}

func (e *UnreachableError) Error() string {
	return doing(e.Label, e.Repository, e.Reading) + ": " + e.Detail
}

func (e *UnreachableError) Unwrap() error { return e.err }

func doing(label, repository string, reading bool) string {
	if reading {
		return fmt.Sprintf("looking for %s in %s", label, repository)
	}
	return fmt.Sprintf("pushing %s to %s", label, repository)
}

// explain turns an error of the transport into one sentence that names image and repository and holds no credentials.
func (s *session) explain(image Image, err error) error {
	if err == nil {
		return nil
	}
	var done *DeniedError
	if errors.As(err, &done) {
		return err
	}
	label, what := image.Descriptor.Label, doing(image.Descriptor.Label, image.Repository, s.reading)
	var answer *transport.Error
	if errors.As(err, &answer) {
		detail := s.meter.scrub(diagnostics(answer))
		switch status := answer.StatusCode; {
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return &DeniedError{Label: label, Repository: image.Repository, Reading: s.reading, Status: status, Detail: detail}
		case busy(status):
			return &UnreachableError{Label: label, Repository: image.Repository, Reading: s.reading, Detail: statusText(status, detail), Status: status}
		default:
			return fmt.Errorf("%s: %s", what, statusText(status, detail))
		}
	}
	var mine *sourceError
	if errors.As(err, &mine) {
		return fmt.Errorf("%s: %w", what, mine.err)
	}
	if unreachable(err) {
		cause := innermost(err)
		return &UnreachableError{Label: label, Repository: image.Repository, Reading: s.reading, Detail: s.meter.scrub(cause.Error()), err: cause}
	}
	// The text may hold the URL of an upload, whose query is a credential with some registries; the cause does not.
	return fmt.Errorf("%s: %s", what, s.meter.scrub(innermost(err).Error()))
}

// unreachable reports an error that came from the HTTP client rather than from an answer.
func unreachable(err error) bool {
	var client *url.Error
	var mine *sourceError
	return errors.As(err, &client) && !errors.As(err, &mine) && !errors.Is(err, context.Canceled)
}

// innermost drops the URLs that errors of HTTP clients begin with: the one for a token runs below that for the request.
func innermost(err error) error {
	var client *url.Error
	for errors.As(err, &client) {
		err = client.Err
	}
	return err
}

func statusText(status int, detail string) string {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if detail != "" {
		text += " (" + detail + ")"
	}
	return text
}

// diagnostics is what the registry says in the form of the specification; other bodies (a proxy's page) are left out.
func diagnostics(e *transport.Error) string {
	var list []string
	for _, d := range e.Errors {
		text := strings.TrimSpace(d.Message)
		if text == "" {
			text = strings.ToLower(string(d.Code))
		}
		list = append(list, text)
	}
	text := strings.Join(strings.Fields(strings.Join(list, "; ")), " ")
	const limit = 200
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
