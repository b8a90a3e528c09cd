package admission_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/authwebhook/admission"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
)

const (
	alice        = "alice"
	orchestrator = "system:serviceaccount:kubernaut-system:remediationorchestrator"
	tenWords     = "one two three four five six seven eight nine ten"
	nineWords    = "one two three four five six seven eight nine"
)

var (
	now  = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	then = metav1.NewTime(now.Add(-time.Hour))
)

// desk is a set of handlers with what they left behind.
type desk struct {
	handlers map[string]webhook.Handler
	events   []audit.Event
	log      bytes.Buffer
}

func (d *desk) Record(events ...audit.Event) { d.events = append(d.events, events...) }

func newDesk(t *testing.T) *desk {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &desk{}
	d.handlers = admission.Handlers(admission.Config{
		Scheme: scheme, Audit: d, Orchestrator: orchestrator,
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	return d
}

// write asks for a change as a user and returns the status that would be stored, or why there is none.
func write[T any](t *testing.T, d *desk, path, user string, before, after *T, edit ...func(*admissionv1.AdmissionRequest)) (stored T, denied string) {
	t.Helper()
	request := webhook.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UserInfo: authenticationv1.UserInfo{Username: user}, Operation: admissionv1.Update,
		OldObject: runtime.RawExtension{Raw: encode(t, before)}, Object: runtime.RawExtension{Raw: encode(t, after)},
	}}
	for _, change := range edit {
		change(&request.AdmissionRequest)
	}
	response := d.handlers[path].Handle(t.Context(), request)
	if !response.Allowed {
		return stored, response.Result.Message
	}
	if err := response.Complete(request); err != nil {
		t.Fatal(err)
	}
	raw := request.Object.Raw
	if len(response.Patch) > 0 {
		patch, err := jsonpatch.DecodePatch(response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = patch.Apply(raw); err != nil {
			t.Fatalf("patch %s does not fit %s: %v", response.Patch, raw, err)
		}
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	return stored, ""
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dryRun(request *admissionv1.AdmissionRequest) { yes := true; request.DryRun = &yes }

// wantEvents compares the recorded events by type, user and flow.
func (d *desk) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, event := range d.events {
		got = append(got, strings.Join([]string{string(event.Type), event.ActorType, event.ActorID, event.CorrelationID}, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func approval(status v1alpha1.RemediationApprovalRequestStatus) *v1alpha1.RemediationApprovalRequest {
	return &v1alpha1.RemediationApprovalRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "rar-rr-1", UID: "u1"},
		Spec:       v1alpha1.RemediationApprovalRequestSpec{RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"}},
		Status:     status,
	}
}

func TestApproval(t *testing.T) {
	at := metav1.NewTime(now)
	decided := "webhook.approval.decided user alice rr-1"
	for _, test := range []struct {
		name, user    string
		before, after v1alpha1.RemediationApprovalRequestStatus
		want          v1alpha1.RemediationApprovalRequestStatus
		denied        string
		events        []string
		forged        bool
	}{
		{name: "first decision", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved},
			want: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: alice, DecidedAt: &at}, events: []string{decided}},
		{name: "forged author", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Rejected, DecidedBy: "bob", DecidedAt: &then},
			want: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Rejected, DecidedBy: alice, DecidedAt: &at}, events: []string{decided}, forged: true},
		{name: "unknown decision", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{Decision: "Maybe"},
			denied: `decision "Maybe" must be Approved, Rejected or Expired`},
		{name: "second decision", user: "bob", before: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: alice, DecidedAt: &then},
			after:  v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Rejected, DecidedBy: alice, DecidedAt: &then},
			denied: "rar-rr-1 is decided: Approved by alice; a decision cannot be changed"},
		{name: "taking a decision back", user: alice, before: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: alice},
			denied: "rar-rr-1 is decided: Approved by alice; a decision cannot be changed"},
		{name: "no decision", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{CreatedAt: &then},
			want: v1alpha1.RemediationApprovalRequestStatus{CreatedAt: &then}},
		{name: "author without a decision", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{DecidedBy: "bob", DecidedAt: &then},
			want: v1alpha1.RemediationApprovalRequestStatus{}, forged: true},
		{name: "author changed later", user: "bob", before: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: alice, DecidedAt: &then},
			after: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: "bob", DecidedAt: &at},
			want:  v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved, DecidedBy: alice, DecidedAt: &then}, forged: true},
		{name: "expired by the orchestrator", user: orchestrator, after: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Expired},
			want:   v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Expired, DecidedBy: orchestrator, DecidedAt: &at},
			events: []string{"webhook.approval.decided user " + orchestrator + " rr-1"}},
		{name: "expired by a human", user: alice, after: v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Expired},
			denied: "only " + orchestrator + " may write the decision Expired; use Approved or Rejected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			got, denied := write(t, d, admission.RemediationApprovalRequestPath, test.user, approval(test.before), approval(test.after))
			if diff := cmp.Diff(test.want, got.Status); diff != "" || denied != test.denied {
				t.Errorf("denied %q, want %q; status (-want +got):\n%s", denied, test.denied, diff)
			}
			d.wantEvents(t, test.events...)
			if forged := strings.Contains(d.log.String(), "forgery attempt"); forged != test.forged {
				t.Errorf("log %q, want a forgery attempt: %t", &d.log, test.forged)
			}
		})
	}
}

func execution(clearance *v1alpha1.BlockClearance) *v1alpha1.WorkflowExecution {
	return &v1alpha1.WorkflowExecution{
		ObjectMeta: metav1.ObjectMeta{Name: "we-rr-1", UID: "u2"},
		Spec:       v1alpha1.WorkflowExecutionSpec{RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"}},
		Status:     v1alpha1.WorkflowExecutionStatus{Phase: v1alpha1.WorkflowExecutionFailed, BlockClearance: clearance},
	}
}

func TestBlockClearance(t *testing.T) {
	at := metav1.NewTime(now)
	by := func(user string, time *metav1.Time, reason string) *v1alpha1.BlockClearance {
		return &v1alpha1.BlockClearance{ClearedBy: user, ClearedAt: time, ClearReason: reason, ClearMethod: "StatusField"}
	}
	unblocked := "webhook.workflow.unblocked user alice rr-1"
	for _, test := range []struct {
		name                string
		before, after, want *v1alpha1.BlockClearance
		denied              string
		events              []string
	}{
		{name: "ten words", after: &v1alpha1.BlockClearance{ClearReason: tenWords}, want: by(alice, &at, tenWords), events: []string{unblocked}},
		{name: "nine words", after: &v1alpha1.BlockClearance{ClearReason: nineWords},
			denied: "status.blockClearance.clearReason must have at least 10 words, got 9: say what was checked and why the target is safe"},
		{name: "no reason", after: &v1alpha1.BlockClearance{},
			denied: "status.blockClearance.clearReason must have at least 10 words, got 0: say what was checked and why the target is safe"},
		{name: "forged author", after: by("bob", &then, tenWords), want: by(alice, &at, tenWords), events: []string{unblocked}},
		{name: "other write", before: by("bob", &then, tenWords), after: by("bob", &then, tenWords), want: by("bob", &then, tenWords)},
		{name: "author changed later", before: by("bob", &then, tenWords), after: by(alice, &at, tenWords), want: by("bob", &then, tenWords)},
		{name: "taken back", before: by("bob", &then, tenWords), denied: "the block was cleared by bob; a clearance cannot be changed"},
		{name: "no clearance"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			got, denied := write(t, d, admission.WorkflowExecutionPath, alice, execution(test.before), execution(test.after))
			if diff := cmp.Diff(test.want, got.Status.BlockClearance); diff != "" || denied != test.denied {
				t.Errorf("denied %q, want %q; clearance (-want +got):\n%s", denied, test.denied, diff)
			}
			d.wantEvents(t, test.events...)
		})
	}
}

func TestTimeoutConfig(t *testing.T) {
	request := func(status v1alpha1.RemediationRequestStatus) *v1alpha1.RemediationRequest {
		return &v1alpha1.RemediationRequest{ObjectMeta: metav1.ObjectMeta{Name: "rr-1", UID: "u3"}, Status: status}
	}
	limits := &v1alpha1.TimeoutConfig{Global: &metav1.Duration{Duration: time.Minute}}
	at := metav1.NewTime(now)
	d := newDesk(t)
	got, denied := write(t, d, admission.RemediationRequestPath, alice,
		request(v1alpha1.RemediationRequestStatus{OverallPhase: v1alpha1.Pending}),
		request(v1alpha1.RemediationRequestStatus{OverallPhase: v1alpha1.Pending, TimeoutConfig: limits, LastModifiedBy: "bob"}))
	want := v1alpha1.RemediationRequestStatus{OverallPhase: v1alpha1.Pending, TimeoutConfig: limits, LastModifiedBy: alice, LastModifiedAt: &at}
	if diff := cmp.Diff(want, got.Status); diff != "" || denied != "" {
		t.Errorf("denied %q, status (-want +got):\n%s", denied, diff)
	}
	d.wantEvents(t, "webhook.remediationrequest.timeout_modified user alice rr-1")

	after := want
	after.OverallPhase, after.LastModifiedBy = v1alpha1.Processing, "bob"
	got, denied = write(t, d, admission.RemediationRequestPath, "bob", request(want), request(after))
	after.LastModifiedBy = alice
	if diff := cmp.Diff(after, got.Status); diff != "" || denied != "" {
		t.Errorf("another status change: denied %q, status (-want +got):\n%s", denied, diff)
	}
	d.wantEvents(t, "webhook.remediationrequest.timeout_modified user alice rr-1")
}

func TestNotificationDeletion(t *testing.T) {
	sent := v1alpha1.NotificationRequestStatus{Phase: v1alpha1.NotificationSent}
	ref := &v1alpha1.ObjectReference{Name: "rr-1"}
	for _, test := range []struct {
		name, user string
		ref        *v1alpha1.ObjectReference
		status     v1alpha1.NotificationRequestStatus
		events     []string
	}{
		{"on its way", alice, ref, v1alpha1.NotificationRequestStatus{}, []string{"webhook.notification.cancelled user alice rr-1"}},
		{"arrived", alice, ref, sent, []string{"webhook.notification.acknowledged user alice rr-1"}},
		{"of no remediation", alice, nil, sent, []string{"webhook.notification.acknowledged user alice nr-1"}},
		{"garbage collection", "system:serviceaccount:kube-system:generic-garbage-collector", ref, sent, nil},
		{"end of the retention", "system:serviceaccount:ns:notification", ref, sent, nil},
		{"an account of that name elsewhere", "system:serviceaccount:other:notification", ref, sent,
			[]string{"webhook.notification.acknowledged user system:serviceaccount:other:notification rr-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			object := &v1alpha1.NotificationRequest{ObjectMeta: metav1.ObjectMeta{Name: "nr-1", Namespace: "ns"}, Spec: v1alpha1.NotificationRequestSpec{RemediationRequestRef: test.ref, Body: "password=x"}, Status: test.status}
			if _, denied := write(t, d, admission.NotificationRequestDeletePath, test.user, object, object); denied != "" {
				t.Errorf("denied: %s", denied)
			}
			d.wantEvents(t, test.events...)
			if len(d.events) > 0 && strings.Contains(string(d.events[0].Data), "password") {
				t.Errorf("the event holds the message: %s", d.events[0].Data)
			}
		})
	}
}

func TestDryRunLeavesNoEvent(t *testing.T) {
	d := newDesk(t)
	got, _ := write(t, d, admission.RemediationApprovalRequestPath, alice, approval(v1alpha1.RemediationApprovalRequestStatus{}),
		approval(v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved}), dryRun)
	if got.Status.DecidedBy != alice {
		t.Errorf("decidedBy: got %q, want %q", got.Status.DecidedBy, alice)
	}
	d.wantEvents(t)
}

// A repeated attempt, for instance after a conflict, has the same event id; another user's has another.
func TestEventIDs(t *testing.T) {
	d := newDesk(t)
	for _, user := range []string{alice, alice, "bob"} {
		write(t, d, admission.RemediationApprovalRequestPath, user, approval(v1alpha1.RemediationApprovalRequestStatus{}),
			approval(v1alpha1.RemediationApprovalRequestStatus{Decision: v1alpha1.Approved}))
	}
	if d.events[0].ID != d.events[1].ID || d.events[0].ID == d.events[2].ID {
		t.Errorf("ids %s, %s, %s: want the first two the same, the third another", d.events[0].ID, d.events[1].ID, d.events[2].ID)
	}
}

func TestUndecodableRequestIsRefused(t *testing.T) {
	for path, handler := range newDesk(t).handlers {
		request := webhook.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			OldObject: runtime.RawExtension{Raw: []byte(`{"kind":`)}, Object: runtime.RawExtension{Raw: []byte(`{}`)},
		}}
		if got := handler.Handle(t.Context(), request); got.Allowed || got.Result.Code != 400 {
			t.Errorf("%s: got allowed %t and code %d, want false and 400", path, got.Allowed, got.Result.Code)
		}
	}
}
