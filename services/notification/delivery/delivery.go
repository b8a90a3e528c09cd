// Package delivery brings a message to its channels: console, file, webhook, slack.
//
// A failure says whether another try can help. What the network or the receiver may get over is tried again (no connection,
// 429, 5xx, a full disk); what it cannot is permanent: other answers, redirects, a certificate that is not trusted, a channel
// that this service does not have. A URL is a secret, because it is all that a receiver asks for: errors name its host alone.
//
// Not a goal: exactly one delivery. Between a receiver's answer and the status write that remembers it, a crash makes a
// second delivery; a file has the same name then, a receiver gets the message twice.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/message"
)

// Channel is one way of delivery. It is safe for concurrent use.
type Channel interface {
	// Deliver returns nil when the message has arrived. to is the recipient's webhook URL, for channels that deliver to one. An
	// error that is no *Failure may be tried again.
	Deliver(ctx context.Context, m message.Message, to string) error
}

// Failure is a delivery that did not succeed, and what that means for another try.
type Failure struct {
	// Cause holds no URL and no text of the message or of the receiver.
	Cause error
	// Permanent says that another try cannot help.
	Permanent bool
	// RetryAfter is the pause that the receiver asked for; 0 means that it did not.
	RetryAfter time.Duration
}

// Error is the cause's.
func (f *Failure) Error() string { return f.Cause.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// permanent returns a Failure that no other try helps.
func permanent(format string, args ...any) error {
	return &Failure{Cause: fmt.Errorf(format, args...), Permanent: true}
}

// FailureOf returns the failure in err's chain, or one that may be tried again; nil for nil.
func FailureOf(err error) *Failure {
	var failure *Failure
	if err == nil || errors.As(err, &failure) {
		return failure
	}
	return &Failure{Cause: err}
}

// Channels are those that the service has.
type Channels map[v1alpha1.Channel]Channel

// Deliver sends by a channel. One that is missing is a permanent failure that names it and those that exist.
func (c Channels) Deliver(ctx context.Context, channel v1alpha1.Channel, m message.Message, to string) error {
	way, found := c[channel]
	if !found {
		return permanent("channel %s is not supported; use one of %v", channel, slices.Sorted(maps.Keys(c)))
	}
	return way.Deliver(ctx, m, to)
}
