package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/notification/message"
)

// maxAnswer is how much of an answer's body is read, in bytes: enough to use the connection again. It is not looked at.
const maxAnswer = 16 << 10

// Webhook posts messages in Slack's form to a URL.
type Webhook struct {
	// Client sends; NewClient makes one.
	Client *http.Client
	// URL is where all messages go; empty means to the recipient of each. It is a secret.
	URL string
	// Missing is what the failure says when there is no URL: what must be set.
	Missing string
	// Now is the clock; it is asked for answers with a Retry-After that is a date.
	Now func() time.Time
}

// NewClient returns a client that gives up after timeout, and leaves redirects alone: one that is followed turns a POST into a
// GET or carries the message to a host that nobody has named.
func NewClient(timeout time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &http.Client{
		Timeout:       timeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Deliver posts the message; any answer of 2xx says that it has arrived.
func (w Webhook) Deliver(ctx context.Context, m message.Message, to string) error {
	if w.URL != "" {
		to = w.URL
	}
	if to == "" {
		return permanent("%s", w.Missing)
	}
	target, err := url.Parse(to)
	if err != nil || target.Host == "" {
		return permanent("the webhook's URL is not of the form https://host/path")
	}
	body, err := json.Marshal(slackMessage(m))
	if err != nil {
		return permanent("encoding the message: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return permanent("the webhook's URL on %s makes no request", target.Host)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "kubernaut-notification")
	response, err := w.Client.Do(request)
	if err != nil {
		return unreachable(target.Host, err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status has decided
	return w.judge(target.Host, response)
}

// unreachable drops the URL that net/http puts before its errors.
func unreachable(host string, err error) error {
	var around *url.Error
	if errors.As(err, &around) {
		err = around.Err
	}
	var untrusted *tls.CertificateVerificationError
	return &Failure{Cause: fmt.Errorf("posting to %s: %w", host, err), Permanent: errors.As(err, &untrusted)}
}

func (w Webhook) judge(host string, response *http.Response) error {
	status := response.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	failure := &Failure{Cause: fmt.Errorf("%s answers %d %s", host, status, http.StatusText(status))}
	failure.Permanent = status != http.StatusTooManyRequests && status < http.StatusInternalServerError
	if !failure.Permanent {
		failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"), w.Now())
	}
	return failure
}

// retryAfter reads the header's seconds or date (RFC 9110, section 10.2.3); 0 means that it asks for nothing.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
