package notification_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

// suite is one run against the deployed platform.
type suite struct {
	*session.Session
	receiver posts.Receiver
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "notification", platform.ReceiverURL)}
	s.receiver = posts.Receiver{Service: s.Service(platform.ReceiverURL)}
	s.divertMessages(t)
	return s
}

// slackPath is the secret part of the URL that slack deliveries of the run go to.
func (s *suite) slackPath() string { return "/slack/T0-" + s.Run }

// divertMessages lets slack deliveries and files go where the suite can read them.
func (s *suite) divertMessages(t *testing.T) {
	t.Helper()
	remove, err := posts.SetSlack(t.Context(), s.Platform, s.slackPath())
	session.Finally(t, remove)
	if err != nil {
		t.Fatal(err)
	}
	restore, err := posts.ServeFiles(t.Context(), s.Platform)
	if restore != nil {
		session.Finally(t, restore)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// path returns one that no other test posts to.
func (s *suite) path() string { return "/" + s.Run + "/" + uuid.NewString()[:8] }

// quick is a policy with the shortest pause that the schema allows.
func quick(attempts int32) *api.RetryPolicy {
	return &api.RetryPolicy{MaxAttempts: attempts, InitialBackoffSeconds: 1, BackoffMultiplier: 1, MaxBackoffSeconds: 60}
}

// webhooks returns a specification whose message goes to URLs.
func webhooks(urls ...string) api.NotificationRequestSpec {
	spec := api.NotificationRequestSpec{Channels: []api.Channel{api.WebhookChannel}, RetryPolicy: quick(3)}
	for _, target := range urls {
		spec.Recipients = append(spec.Recipients, api.Recipient{WebhookURL: target})
	}
	return spec
}

// send creates a request, with a subject that no other has unless the specification gives one. It is removed with the test.
func (s *suite) send(t *testing.T, spec api.NotificationRequestSpec) *api.NotificationRequest {
	t.Helper()
	name := "nt-" + s.Run + "-" + uuid.NewString()[:8]
	if spec.Type == "" {
		spec.Type = api.SimpleMessage
	}
	if spec.Subject == "" {
		spec.Subject = "subject of " + name
	}
	if spec.Body == "" {
		spec.Body = "body of " + name
	}
	request := &api.NotificationRequest{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}, Spec: spec}
	if err := s.Client.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	session.Finally(t, func(ctx context.Context) error { return client.IgnoreNotFound(s.Client.Delete(ctx, request)) })
	return request
}

// reaches waits for a phase, and fails when the request ends in another one.
func (s *suite) reaches(t *testing.T, request *api.NotificationRequest, want api.NotificationPhase) {
	t.Helper()
	err := platform.Eventually(t.Context(), func(ctx context.Context) error {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
			return err
		}
		if phase := request.Status.Phase; phase != want && !phase.Terminal() {
			return fmt.Errorf("%s is in phase %q, want %q", request.Name, phase, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if request.Status.Phase != want {
		t.Fatalf("%s ends in phase %q, want %q: %+v", request.Name, request.Status.Phase, want, request.Status)
	}
}

// sent is send, and reaches.
func (s *suite) sent(t *testing.T, spec api.NotificationRequestSpec, want api.NotificationPhase) *api.NotificationRequest {
	t.Helper()
	request := s.send(t, spec)
	s.reaches(t, request, want)
	return request
}

// wantAttempts compares the attempts of a request, each written as channel and status.
func wantAttempts(t *testing.T, request *api.NotificationRequest, want ...string) {
	t.Helper()
	var got []string
	for _, attempt := range request.Status.DeliveryAttempts {
		got = append(got, string(attempt.Channel)+" "+attempt.Status)
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("attempts of %s (-want +got):\n%s", request.Name, diff)
	}
}

func (s *suite) program(t *testing.T, program inbox.Program) {
	t.Helper()
	if err := s.receiver.Program(t.Context(), program); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) posted(t *testing.T, path string, want int) []inbox.Request {
	t.Helper()
	got, err := s.receiver.To(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != want {
		t.Fatalf("got %d posts to %s, want %d", len(got), path, want)
	}
	return got
}
