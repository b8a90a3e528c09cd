// Package schedule derives from a NotificationRequest's persisted attempts which deliveries are left and when each is due. It
// keeps nothing itself, so that a restart goes on where it was.
//
// A delivery is one channel, or one channel and one recipient where each recipient gets a delivery of its own: a recipient that
// has the message does not get it again because another one failed.
//
// After the n-th failure the pause is initialBackoffSeconds times the n-1-th power of backoffMultiplier, or what the receiver
// asked for if that is longer, but never more than maxBackoffSeconds.
package schedule

import (
	"cmp"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// State is how far a delivery has come.
type State int

// The states. The last two are final.
const (
	Open State = iota
	Delivered
	Failed
)

// Delivery is one channel of a request, with its recipient if it has one.
type Delivery struct {
	Channel v1alpha1.Channel
	// Recipient is the position in spec.recipients; nil means none in particular.
	Recipient *int32
	State     State
	// Attempts are those made so far, the oldest first.
	Attempts []v1alpha1.DeliveryAttempt
	// Due is when an open delivery's next attempt may be made; the zero time means at once.
	Due time.Time
}

// Last returns the latest attempt, nil when there is none.
func (d Delivery) Last() *v1alpha1.DeliveryAttempt {
	if len(d.Attempts) == 0 {
		return nil
	}
	return &d.Attempts[len(d.Attempts)-1]
}

// Of returns the deliveries of a request, in the order of its channels. Defaults are the channels of a request that names none.
func Of(request *v1alpha1.NotificationRequest, defaults []v1alpha1.Channel) []Delivery {
	channels := request.Spec.Channels
	if len(channels) == 0 {
		channels = defaults
	}
	var all []Delivery
	for _, channel := range channels {
		for _, recipient := range recipients(channel, request.Spec.Recipients) {
			d := Delivery{Channel: channel, Recipient: recipient}
			for _, attempt := range request.Status.DeliveryAttempts {
				if attempt.Channel == channel && same(attempt.Recipient, recipient) {
					d.Attempts = append(d.Attempts, attempt)
				}
			}
			all = append(all, d.judged(Policy(request.Spec.RetryPolicy)))
		}
	}
	return all
}

// recipients of a channel: those with a URL for webhooks, else nobody in particular.
func recipients(channel v1alpha1.Channel, all []v1alpha1.Recipient) []*int32 {
	var found []*int32
	for i, recipient := range all {
		if channel == v1alpha1.WebhookChannel && recipient.WebhookURL != "" {
			at := int32(i)
			found = append(found, &at)
		}
	}
	if found == nil {
		found = []*int32{nil}
	}
	return found
}

func same(a, b *int32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func (d Delivery) judged(policy v1alpha1.RetryPolicy) Delivery {
	last := d.Last()
	if last == nil {
		return d
	}
	switch {
	case last.Status == v1alpha1.DeliverySucceeded:
		d.State = Delivered
	case last.Status == v1alpha1.DeliveryFailedPermanently || len(d.Attempts) >= int(policy.MaxAttempts):
		d.State = Failed
	default:
		took := time.Duration(last.DurationSeconds * float64(time.Second))
		d.Due = last.Timestamp.Add(took + Pause(policy, len(d.Attempts), last.RetryAfterSeconds))
	}
	return d
}

// Policy returns the policy with the schema's defaults for what is absent.
func Policy(given *v1alpha1.RetryPolicy) v1alpha1.RetryPolicy {
	policy := v1alpha1.RetryPolicy{}
	if given != nil {
		policy = *given
	}
	return v1alpha1.RetryPolicy{
		MaxAttempts:           cmp.Or(policy.MaxAttempts, 5),
		InitialBackoffSeconds: cmp.Or(policy.InitialBackoffSeconds, 30),
		BackoffMultiplier:     cmp.Or(policy.BackoffMultiplier, 2),
		MaxBackoffSeconds:     cmp.Or(policy.MaxBackoffSeconds, 480),
	}
}

// Pause returns the time between a failure, the failures-th of its delivery, and the next attempt. asked is what the receiver
// asked for, in seconds.
func Pause(policy v1alpha1.RetryPolicy, failures int, asked int32) time.Duration {
	seconds, most := int64(policy.InitialBackoffSeconds), int64(policy.MaxBackoffSeconds)
	for i := 1; i < failures && seconds < most; i++ {
		seconds *= int64(policy.BackoffMultiplier)
	}
	return time.Duration(min(max(seconds, int64(asked)), most)) * time.Second
}
