// Package problem is the platform's error body: RFC 7807 "problem details" with the platform's type URIs.
//
// A handler returns a *Details as its error; httpserver writes it. Details never carry an internal error's text: what a
// client may read is chosen when the problem is made.
//
// https://www.rfc-editor.org/rfc/rfc7807
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// ContentType is the media type of a problem body.
const ContentType = "application/problem+json"

// BaseURI is the prefix of every type URI.
const BaseURI = "https://kubernaut.ai/problems/"

// Kinds of problem: the last segment of the type URI.
const (
	KindValidation      = "validation-error"
	KindUnsupportedType = "unsupported-media-type"
	KindMethod          = "method-not-allowed"
	KindInternal        = "internal-error"
	KindUnavailable     = "service-unavailable"
	KindTooManyRequests = "too-many-requests"
	KindUnauthorized    = "unauthorized"
	KindForbidden       = "forbidden"
	KindNotFound        = "not-found"
	KindConflict        = "conflict"
	KindTooLarge        = "payload-too-large"
	KindUnknown         = "unknown"
)

// Details is one problem. It is an error, so that handlers can return it. Instance is filled by Write when empty.
type Details struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	// FieldErrors maps the path of each refused field to its reason; absent when no field is to blame.
	FieldErrors map[string]string `json:"field_errors,omitempty"`
}

// Error returns the title and the detail.
func (d *Details) Error() string { return strings.ToLower(d.Title) + ": " + d.Detail }

// New returns the problem that belongs to an HTTP status. Statuses without a kind of their own get KindUnknown.
func New(status int, format string, args ...any) *Details {
	return &Details{
		Type:   BaseURI + kind(status),
		Title:  title(status),
		Status: status,
		Detail: fmt.Sprintf(format, args...),
	}
}

// Invalid returns a 400 that blames fields. The map may be nil.
func Invalid(detail string, fields map[string]string) *Details {
	d := New(http.StatusBadRequest, "%s", detail)
	d.FieldErrors = fields
	return d
}

// Write sends d as the response to r. Headers that the caller has set (Allow, Retry-After, WWW-Authenticate) stay.
func Write(w http.ResponseWriter, r *http.Request, d *Details) {
	body := *d
	if body.Instance == "" {
		body.Instance = r.URL.Path
	}
	header := w.Header()
	header.Set("Content-Type", ContentType)
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(body.Status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(body)
}

func kind(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return KindValidation
	case http.StatusUnauthorized:
		return KindUnauthorized
	case http.StatusForbidden:
		return KindForbidden
	case http.StatusNotFound:
		return KindNotFound
	case http.StatusMethodNotAllowed:
		return KindMethod
	case http.StatusConflict:
		return KindConflict
	case http.StatusRequestEntityTooLarge:
		return KindTooLarge
	case http.StatusUnsupportedMediaType:
		return KindUnsupportedType
	case http.StatusTooManyRequests:
		return KindTooManyRequests
	case http.StatusInternalServerError:
		return KindInternal
	case http.StatusServiceUnavailable:
		return KindUnavailable
	}
	return KindUnknown
}

func title(status int) string {
	if status == http.StatusBadRequest {
		return "Validation Error"
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Unknown Error"
}
