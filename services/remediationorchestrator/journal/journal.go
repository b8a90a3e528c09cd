// Package journal tells others what became of a remediation: audit events for datastorage, Kubernetes events for whoever
// looks at the object, metrics.
//
// An entry is made after the status that it tells about was stored, never before: a write that lost a race leaves no trace.
// An audit event's id follows from the object and the transition, so that a repeated entry is the same event. Entries of
// one transition carry times in their order.
//
// Not a goal: an entry for a status that somebody else wrote, such as a cancellation, or for a write whose answer got lost.
package journal

import (
	"strings"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// trail takes audit events and never blocks; *audit.Client is one.
type trail interface {
	Record(events ...audit.Event)
}

// recorder takes Kubernetes events; controller-runtime's is one.
type recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Journal is safe for concurrent use.
type Journal struct {
	trail    trail
	recorder recorder
	metrics  *Metrics
}

// New returns a journal. All parts are required.
func New(trail trail, recorder recorder, metrics *Metrics) *Journal {
	return &Journal{trail: trail, recorder: recorder, metrics: metrics}
}

// Transition tells that a request has gone from one stored status to the next. approval is the approval request that the
// transition asks or follows, or nil.
func (j *Journal) Transition(before, after *v1alpha1.RemediationRequest, approval *v1alpha1.RemediationApprovalRequest) {
	var entries []audit.Event
	if approval != nil {
		entries = append(entries, decision(after, approval))
	}
	entries = append(entries, lifecycle(before, after)...)
	if block := blocked(before, after); block != nil {
		entries = append(entries, *block)
		j.metrics.blocked.WithLabelValues(after.Status.BlockReason).Inc()
	}
	now := time.Now().UTC()
	for i := range entries {
		entries[i].Timestamp = now.Add(time.Duration(i) * time.Microsecond)
	}
	j.trail.Record(entries...)
	if before.Status.OverallPhase != after.Status.OverallPhase {
		j.metrics.count(before, after)
		j.recorder.Eventf(after, nil, eventType(after), string(after.Status.OverallPhase), "Transition", "%s", note(after))
	}
}

func eventType(request *v1alpha1.RemediationRequest) string {
	switch request.Status.OverallPhase {
	case v1alpha1.Failed, v1alpha1.TimedOut, v1alpha1.Blocked:
		return corev1.EventTypeWarning
	default:
		return corev1.EventTypeNormal
	}
}

// maxNote is the longest note of an event, in bytes
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
const maxNote = 1024

func note(request *v1alpha1.RemediationRequest) string {
	text := request.Status.Message
	return strings.ToValidUTF8(text[:min(len(text), maxNote)], "")
}

// identity makes an event's id of what the event tells.
func identity(object metav1.Object, parts ...string) string {
	text := string(object.GetUID())
	for _, part := range parts {
		text += "/" + part
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(text)).String()
}

func event(kind names.EventType, category names.EventCategory, action string, outcome names.EventOutcome, request *v1alpha1.RemediationRequest, data any) audit.Event {
	e := audit.NewEvent(kind, category, action, outcome, request.Name, data)
	e.ActorType, e.ActorID = "service", names.RemediationOrchestrator
	e.ResourceType, e.ResourceID = v1alpha1.RemediationRequestKind, request.Name
	e.Namespace = request.Namespace
	return e
}
