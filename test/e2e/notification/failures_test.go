package notification_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

func (s *suite) busy(t *testing.T) {
	path := s.path()
	s.program(t, inbox.Program{Path: path, Statuses: []int{503, 503, 200}})
	request := s.sent(t, webhooks(posts.URL(path)), api.NotificationSent)
	wantAttempts(t, request, "webhook failed", "webhook failed", "webhook success")
	s.posted(t, path, 3)
	s.wantReason(t, request, "Retrying")
}

func (s *suite) refusal(t *testing.T) {
	path := s.path()
	s.program(t, inbox.Program{Path: path, Statuses: []int{404}, Repeat: true})
	request := s.sent(t, webhooks(posts.URL(path)), api.NotificationFailed)
	wantAttempts(t, request, "webhook permanent-failure")
	s.posted(t, path, 1)
}

func (s *suite) pauses(t *testing.T) {
	path := s.path()
	s.program(t, inbox.Program{Path: path, Statuses: []int{500}, Repeat: true})
	spec := webhooks(posts.URL(path))
	spec.RetryPolicy = &api.RetryPolicy{MaxAttempts: 5, InitialBackoffSeconds: 1, BackoffMultiplier: 3, MaxBackoffSeconds: 4}
	s.sent(t, spec, api.NotificationFailed)
	got := s.posted(t, path, 5)
	for i, least := range []time.Duration{1, 3, 4, 4} {
		if gap := got[i+1].Time.Sub(got[i].Time); gap < least*time.Second {
			t.Errorf("gap %d: got %v, want at least %ds", i+1, gap, least)
		}
	}
	// Without a cap the last gap is 27 s.
	if gap := got[4].Time.Sub(got[3].Time); gap > 20*time.Second {
		t.Errorf("last gap: got %v, want the cap of 4 s", gap)
	}
}

func (s *suite) partial(t *testing.T) {
	spec := webhooks("http://receiver:1/dead")
	spec.Channels, spec.RetryPolicy = append(spec.Channels, api.ConsoleChannel), quick(2)
	request := s.sent(t, spec, api.NotificationPartiallySent)
	wantAttempts(t, request, "webhook failed", "console success", "webhook failed")
	if lines := s.lines(t, request); len(lines) != 1 {
		t.Errorf("got console lines %v, want one", lines)
	}
}

func (s *suite) untrusted(t *testing.T) {
	path := s.path()
	request := s.sent(t, webhooks(posts.UntrustedURL(path)), api.NotificationFailed)
	wantAttempts(t, request, "webhook permanent-failure")
	if reason := request.Status.DeliveryAttempts[0].Error; !strings.Contains(reason, "certificate") {
		t.Errorf("got error %q, want that it names the certificate", reason)
	}
	s.posted(t, path, 0)
}

func (s *suite) redirect(t *testing.T) {
	path, elsewhere := s.path(), s.path()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		s.program(t, inbox.Program{Path: path, Statuses: []int{status}, Header: map[string]string{"Location": posts.URL(elsewhere)}})
		wantAttempts(t, s.sent(t, webhooks(posts.URL(path)), api.NotificationFailed), "webhook permanent-failure")
	}
	s.posted(t, elsewhere, 0)
}

func (s *suite) retryAfter(t *testing.T) {
	path := s.path()
	s.program(t, inbox.Program{Path: path, Statuses: []int{429}, Header: map[string]string{"Retry-After": "4"}})
	s.sent(t, webhooks(posts.URL(path)), api.NotificationSent)
	got := s.posted(t, path, 2)
	if gap := got[1].Time.Sub(got[0].Time); gap < 4*time.Second {
		t.Errorf("got a gap of %v, want the 4 s that the receiver asked for", gap)
	}
}

func (s *suite) twoWebhooks(t *testing.T) {
	good, busy := s.path(), s.path()
	s.program(t, inbox.Program{Path: busy, Statuses: []int{503}})
	s.sent(t, webhooks(posts.URL(good), posts.URL(busy)), api.NotificationSent)
	s.posted(t, good, 1)
	s.posted(t, busy, 2)
}

func (s *suite) missingChannel(t *testing.T) {
	request := s.sent(t, api.NotificationRequestSpec{Channels: []api.Channel{api.EmailChannel}}, api.NotificationFailed)
	wantAttempts(t, request, "email permanent-failure")
	if reason := request.Status.DeliveryAttempts[0].Error; !strings.Contains(reason, "channel email is not supported") {
		t.Errorf("got error %q, want that it names the channel", reason)
	}
}

// A finished request stays finished; one that waits for its next try makes just that one.
func (s *suite) restart(t *testing.T) {
	finished, good, busy := s.path(), s.path(), s.path()
	s.sent(t, webhooks(posts.URL(finished)), api.NotificationSent)
	s.program(t, inbox.Program{Path: busy, Statuses: []int{503}})
	spec := webhooks(posts.URL(good), posts.URL(busy))
	spec.RetryPolicy.InitialBackoffSeconds = 5
	waiting := s.sent(t, spec, api.NotificationRetrying)
	if err := s.Restart(t.Context(), api.Notification); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, waiting, api.NotificationSent)
	wantAttempts(t, waiting, "webhook success", "webhook failed", "webhook success")
	s.posted(t, finished, 1)
	s.posted(t, good, 1)
	s.posted(t, busy, 2)
}

func (s *suite) unwritable(t *testing.T) {
	restore, err := s.SetFlags(t.Context(), api.Notification, "--output-dir=/proc/none")
	if restore != nil {
		session.Finally(t, restore)
	}
	if err != nil {
		t.Fatal(err)
	}
	request := s.sent(t, api.NotificationRequestSpec{
		Channels: []api.Channel{api.FileChannel, api.ConsoleChannel}, RetryPolicy: quick(2),
	}, api.NotificationPartiallySent)
	wantAttempts(t, request, "file failed", "console success", "file failed")
	if lines := s.lines(t, request); len(lines) != 1 {
		t.Errorf("got console lines %v, want one", lines)
	}
}
