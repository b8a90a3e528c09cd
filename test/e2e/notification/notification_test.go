// Package notification_test says what notification promises, on a real cluster. Messages go to the suites' receiver, whose
// program also serves the output folder from a second container in notification's pod.
//
// Most subtests run at the same time, each with objects and receiver paths of its own; those that restart the pod follow.
package notification_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

func TestNotification(t *testing.T) {
	s := connect(t)
	t.Run("deliveries", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"NT1_console_and_file":                    s.consoleAndFile,
			"NT2_file_holds_every_field":              s.fileFields,
			"NT3_console_line_is_JSON":                s.consoleLine,
			"NT4_webhook_gets_one_post":               s.onePost,
			"NT5_busy_receiver_is_tried_again":        s.busy,
			"NT6_refusal_is_permanent":                s.refusal,
			"NT7_pauses_grow_up_to_the_cap":           s.pauses,
			"NT8_dead_webhook_spoils_nothing_else":    s.partial,
			"NT9_untrusted_certificate_is_permanent":  s.untrusted,
			"NT10_secrets_are_redacted":               s.redaction,
			"NT11_fifty_files_in_parallel":            s.fifty,
			"NT13_audit_trail":                        s.trail,
			"NT15_metrics":                            s.metrics,
			"NT16_unknown_channel_is_rejected":        s.unknownChannel,
			"NT17_slack_URL_stays_secret":             s.slack,
			"NT18_redirect_is_not_followed":           s.redirect,
			"NT19_receiver_may_ask_for_a_pause":       s.retryAfter,
			"NT20_each_webhook_gets_its_own_delivery": s.twoWebhooks,
			"NT21_missing_channel_is_named":           s.missingChannel,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
		}
	})
	t.Run("NT14_restart_sends_nothing_again", s.restart)
	t.Run("NT12_unwritable_folder_spoils_nothing_else", s.unwritable)
}

func (s *suite) consoleAndFile(t *testing.T) {
	request := s.sent(t, api.NotificationRequestSpec{Channels: []api.Channel{api.ConsoleChannel, api.FileChannel}}, api.NotificationSent)
	wantAttempts(t, request, "console success", "file success")
	if status := request.Status; status.SuccessfulDeliveries != 2 || status.TotalAttempts != 2 || status.CompletionTime == nil {
		t.Errorf("got %+v, want two deliveries and the time of the end", status)
	}
	for _, reason := range []string{"Pending", "Sending", "Sent"} {
		s.wantReason(t, request, reason)
	}
}

func (s *suite) fileFields(t *testing.T) {
	request := s.sent(t, api.NotificationRequestSpec{
		Type: api.ApprovalNeeded, Priority: api.PriorityCritical, Subject: "a subject", Body: "a body\nof two lines",
		Recipients:            []api.Recipient{{Email: "ops@example.com", Slack: "#ops", Phone: "+4912345"}},
		Channels:              []api.Channel{api.FileChannel},
		Metadata:              map[string]string{"cluster": "east"},
		ActionLinks:           []api.ActionLink{{Service: "grafana", URL: "https://grafana.example.com/d/1", Label: "Board"}},
		RemediationRequestRef: &api.ObjectReference{Name: "rr-" + s.Run},
	}, api.NotificationSent)
	var got map[string]any
	if err := json.Unmarshal([]byte(s.file(t, request)), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": request.Name, "namespace": s.Namespace, "uid": string(request.UID),
		"type": "approval", "priority": "critical", "subject": "a subject", "body": "a body\nof two lines",
		"recipients":  []any{map[string]any{"email": "ops@example.com", "slack": "#ops", "phone": "+4912345"}},
		"channels":    []any{"file"},
		"metadata":    map[string]any{"cluster": "east"},
		"actionLinks": []any{map[string]any{"service": "grafana", "url": "https://grafana.example.com/d/1", "label": "Board"}},

		"remediationRequest": "rr-" + s.Run, "createdAt": request.CreationTimestamp.UTC().Format(time.RFC3339),
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if mode := s.files(t)[posts.FileName(request)].Mode; mode != "-rw-------" {
		t.Errorf("mode: got %q, want that its owner alone may read it", mode)
	}
}

func (s *suite) consoleLine(t *testing.T) {
	request := s.sent(t, api.NotificationRequestSpec{Priority: api.PriorityLow}, api.NotificationSent)
	wantAttempts(t, request, "console success")
	lines := s.lines(t, request)
	if len(lines) != 1 || lines[0]["subject"] != request.Spec.Subject || lines[0]["priority"] != "low" {
		t.Errorf("got %v, want one line with subject and priority", lines)
	}
}

func (s *suite) onePost(t *testing.T) {
	path := s.path()
	request := s.sent(t, webhooks(posts.URL(path)), api.NotificationSent)
	post := s.posted(t, path, 1)[0]
	var body struct {
		Text   string
		Blocks []any
	}
	if err := json.Unmarshal([]byte(post.Body), &body); err != nil {
		t.Fatal(err)
	}
	if body.Text != request.Spec.Subject || len(body.Blocks) == 0 {
		t.Errorf("got %s, want the subject as text, and blocks", post.Body)
	}
}

func (s *suite) redaction(t *testing.T) {
	const secret = "c4n4ry"
	path := s.path()
	spec := webhooks(posts.URL(path))
	spec.Channels = append(spec.Channels, api.ConsoleChannel, api.FileChannel)
	spec.Subject = "login with password=" + secret
	spec.Body = "token: " + secret + "\n" + `{"api_key": "` + secret + `"}` + "\nAuthorization: Bearer " + secret + "\nand this stays"
	spec.Metadata = map[string]string{"secret": secret}
	request := s.sent(t, spec, api.NotificationSent)
	for place, text := range map[string]string{
		"file": s.file(t, request), "console": fmt.Sprint(s.lines(t, request)), "webhook": s.posted(t, path, 1)[0].Body,
	} {
		if strings.Contains(text, secret) || !strings.Contains(text, "and this stays") {
			t.Errorf("%s: got %s, want the body without secrets", place, text)
		}
	}
}

func (s *suite) fifty(t *testing.T) {
	var requests []*api.NotificationRequest
	for range 50 {
		requests = append(requests, s.send(t, api.NotificationRequestSpec{Channels: []api.Channel{api.FileChannel}}))
	}
	for _, request := range requests {
		s.reaches(t, request, api.NotificationSent)
	}
	files := s.files(t)
	for _, request := range requests {
		if files[posts.FileName(request)].Size == 0 {
			t.Errorf("%s has no file", request.Name)
		} else if content := s.file(t, request); !strings.Contains(content, request.Spec.Subject) {
			t.Errorf("the file of %s holds %s", request.Name, content)
		}
	}
}

func (s *suite) trail(t *testing.T) {
	path, flow := s.path(), "rr-nt13-"+s.Run
	s.program(t, inbox.Program{Path: path, Statuses: []int{503, 404}})
	spec := webhooks(posts.URL(path))
	spec.Type, spec.Channels = api.Escalation, append(spec.Channels, api.ConsoleChannel)
	spec.RemediationRequestRef = &api.ObjectReference{Name: flow}
	request := s.sent(t, spec, api.NotificationPartiallySent)
	got := map[string]int{}
	for _, event := range s.events(t, flow, 3) {
		var data struct {
			Channel  string
			Attempts int
		}
		if err := json.Unmarshal(event.Data, &data); err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprintf("%s %s %s %d", event.Type, event.Outcome, data.Channel, data.Attempts)]++
		if event.ResourceID != request.Name || event.Category != api.CategoryNotification {
			t.Errorf("got resource %q and category %q, want %q and notification", event.ResourceID, event.Category, request.Name)
		}
	}
	want := map[string]int{
		"notification.message.failed failure webhook 2": 1,
		"notification.message.sent success console 1":   1,
		"notification.message.escalated success  0":     1,
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (s *suite) metrics(t *testing.T) {
	series := []struct{ name, label string }{
		{"kubernaut_notification_deliveries_total", `channel="webhook",result="sent"`},
		{"kubernaut_notification_retries_total", `channel="webhook"`},
		{"kubernaut_notification_delivery_duration_seconds_count", `channel="webhook"`},
	}
	read := func() []float64 {
		response, values := s.fromPod(t, api.MetricsPort, "/metrics"), make([]float64, len(series))
		for i, one := range series {
			value, found := response.Metric(one.name, one.label)
			if !found {
				t.Errorf("there is no series %s{%s}", one.name, one.label)
			}
			values[i] = value
		}
		return values
	}
	before, path := read(), s.path()
	s.program(t, inbox.Program{Path: path, Statuses: []int{503}})
	s.sent(t, webhooks(posts.URL(path)), api.NotificationSent)
	for i, value := range read() {
		// Other subtests deliver at the same time.
		if least := []float64{1, 1, 2}[i]; value < before[i]+least {
			t.Errorf("%s{%s}: got %v after %v, want %v more", series[i].name, series[i].label, value, before[i], least)
		}
	}
}

func (s *suite) unknownChannel(t *testing.T) {
	request := &api.NotificationRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "nt-" + s.Run + "-pigeon"},
		Spec:       api.NotificationRequestSpec{Type: api.SimpleMessage, Subject: "s", Body: "b", Channels: []api.Channel{"pigeon"}},
	}
	if err := s.Client.Create(t.Context(), request); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "pigeon") {
		t.Errorf("got error %v, want that the channel is invalid", err)
	}
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(request), request); !apierrors.IsNotFound(err) {
		t.Errorf("got error %v, want that nothing is stored", err)
	}
}

func (s *suite) slack(t *testing.T) {
	s.program(t, inbox.Program{Path: s.slackPath(), Statuses: []int{503, 200, 404}})
	spec := api.NotificationRequestSpec{Channels: []api.Channel{api.SlackChannel}, RetryPolicy: quick(3)}
	first := s.sent(t, spec, api.NotificationSent)
	second := s.sent(t, spec, api.NotificationFailed)
	s.posted(t, s.slackPath(), 3)
	s.wantReason(t, second, "Failed")
	log, err := s.Logs(t.Context(), api.Notification)
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"status": fmt.Sprint(first.Status, second.Status), "log": log,
		"events": fmt.Sprint(s.kubernetesEvents(t, first), s.kubernetesEvents(t, second)),
		"audit":  fmt.Sprintf("%s", s.events(t, second.Name, 1)[0].Data),
	} {
		if strings.Contains(text, s.slackPath()) {
			t.Errorf("the URL is in the %s", place)
		}
	}
}
