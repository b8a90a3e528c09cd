package schedule_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

func attempt(channel v1alpha1.Channel, second int, status string) v1alpha1.DeliveryAttempt {
	return v1alpha1.DeliveryAttempt{Channel: channel, Timestamp: metav1.NewMicroTime(at(second)), Status: status}
}

// state is what a test compares of a Delivery.
type state struct {
	Channel   v1alpha1.Channel
	Recipient int32 // -1 for none
	State     schedule.State
	Attempts  int
	Due       int // seconds; 0 for at once
}

func states(deliveries []schedule.Delivery) []state {
	var all []state
	for _, d := range deliveries {
		s := state{Channel: d.Channel, Recipient: -1, State: d.State, Attempts: len(d.Attempts)}
		if d.Recipient != nil {
			s.Recipient = *d.Recipient
		}
		if !d.Due.IsZero() {
			s.Due = int(d.Due.Unix())
		}
		all = append(all, s)
	}
	return all
}

func TestOf(t *testing.T) {
	to := func(i int32, a v1alpha1.DeliveryAttempt) v1alpha1.DeliveryAttempt { a.Recipient = &i; return a }
	slow := attempt("console", 100, "failed")
	slow.DurationSeconds, slow.RetryAfterSeconds = 4, 45
	policy := &v1alpha1.RetryPolicy{MaxAttempts: 2, InitialBackoffSeconds: 10, BackoffMultiplier: 3, MaxBackoffSeconds: 60}
	urls := []v1alpha1.Recipient{{Email: "a@b"}, {WebhookURL: "http://x/1"}, {WebhookURL: "http://x/2"}}
	for name, test := range map[string]struct {
		channels   []v1alpha1.Channel
		recipients []v1alpha1.Recipient
		attempts   []v1alpha1.DeliveryAttempt
		want       []state
	}{
		"default channels": {want: []state{{"console", -1, schedule.Open, 0, 0}}},
		"own channels":     {channels: []v1alpha1.Channel{"file", "email"}, want: []state{{"file", -1, schedule.Open, 0, 0}, {"email", -1, schedule.Open, 0, 0}}},
		"a webhook without a URL is still one delivery": {
			channels: []v1alpha1.Channel{"webhook"}, recipients: urls[:1], want: []state{{"webhook", -1, schedule.Open, 0, 0}},
		},
		"each URL has its own": {
			channels: []v1alpha1.Channel{"webhook", "slack"}, recipients: urls,
			attempts: []v1alpha1.DeliveryAttempt{to(2, attempt("webhook", 100, "success")), to(1, attempt("webhook", 100, "failed"))},
			want:     []state{{"webhook", 1, schedule.Open, 1, 110}, {"webhook", 2, schedule.Delivered, 1, 0}, {"slack", -1, schedule.Open, 0, 0}},
		},
		"delivered at the second try": {
			attempts: []v1alpha1.DeliveryAttempt{attempt("console", 100, "failed"), attempt("console", 110, "success")},
			want:     []state{{"console", -1, schedule.Delivered, 2, 0}},
		},
		"permanent":    {attempts: []v1alpha1.DeliveryAttempt{attempt("console", 100, "permanent-failure")}, want: []state{{"console", -1, schedule.Failed, 1, 0}}},
		"tried enough": {attempts: []v1alpha1.DeliveryAttempt{attempt("console", 100, "failed"), attempt("console", 110, "failed")}, want: []state{{"console", -1, schedule.Failed, 2, 0}}},
		"the pause begins at the attempt's end and obeys the receiver": {
			attempts: []v1alpha1.DeliveryAttempt{slow}, want: []state{{"console", -1, schedule.Open, 1, 149}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := &v1alpha1.NotificationRequest{
				Spec:   v1alpha1.NotificationRequestSpec{Channels: test.channels, Recipients: test.recipients, RetryPolicy: policy},
				Status: v1alpha1.NotificationRequestStatus{DeliveryAttempts: test.attempts},
			}
			if diff := cmp.Diff(test.want, states(schedule.Of(request, []v1alpha1.Channel{"console"}))); diff != "" {
				t.Errorf("deliveries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPause(t *testing.T) {
	steep := v1alpha1.RetryPolicy{InitialBackoffSeconds: 300, BackoffMultiplier: 10, MaxBackoffSeconds: 3600}
	for name, test := range map[string]struct {
		policy   v1alpha1.RetryPolicy
		failures int
		asked    int32
		want     time.Duration
	}{
		"first":                        {schedule.Policy(nil), 1, 0, 30 * time.Second},
		"third":                        {schedule.Policy(nil), 3, 0, 120 * time.Second},
		"capped":                       {schedule.Policy(nil), 9, 0, 480 * time.Second},
		"steepest":                     {steep, 10, 0, time.Hour},
		"the receiver asks for more":   {schedule.Policy(nil), 1, 90, 90 * time.Second},
		"the receiver asks for less":   {schedule.Policy(nil), 3, 90, 120 * time.Second},
		"the receiver asks a lot":      {schedule.Policy(nil), 1, 9999, 480 * time.Second},
		"a policy with one field only": {schedule.Policy(&v1alpha1.RetryPolicy{InitialBackoffSeconds: 2}), 2, 0, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := schedule.Pause(test.policy, test.failures, test.asked); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
