// Package admission decides on status writes of RemediationRequests, RemediationApprovalRequests and WorkflowExecutions,
// and records deletions of NotificationRequests.
//
// What a human may claim is not who they are: the fields that name the author of a decision (decidedBy, clearedBy,
// lastModifiedBy, and their times) are always written here, from the user whom the API server authenticated. A claim in
// the request is overwritten and logged as a forgery attempt. A decision that is made stays: a later change is denied.
//
// The handlers read the request alone, so that they answer in a millisecond and go on while datastorage is away. A dry run
// is answered like any other request and leaves no event.
//
// A limit of admission in general: an admitted write may still fail afterwards, for instance on a conflict. Its event
// stays. Ids of events follow from object, author and decision, so that a repeated attempt adds none.
//
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
package admission

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"gomodules.xyz/jsonpatch/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Paths of the handlers, which the webhook configurations name.
const (
	WorkflowExecutionPath          = "/mutate-workflowexecution"
	RemediationApprovalRequestPath = "/mutate-remediationapprovalrequest"
	RemediationRequestPath         = "/mutate-remediationrequest"
	NotificationRequestDeletePath  = "/validate-notificationrequest-delete"
)

// Trail takes audit events. It must not block.
type Trail interface{ Record(events ...audit.Event) }

// Config is what all handlers need.
type Config struct {
	// Scheme knows the platform's kinds. Required.
	Scheme *runtime.Scheme
	// Audit takes the events. Required.
	Audit Trail
	// Orchestrator is the user name of the account that may let an approval expire. Required.
	Orchestrator string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told about forgeries; nil means slog.Default().
	Log *slog.Logger
}

// Handlers returns the handlers by path.
func Handlers(cfg Config) map[string]admission.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	base := base{Config: cfg, decoder: admission.NewDecoder(cfg.Scheme)}
	return map[string]admission.Handler{
		WorkflowExecutionPath:          admission.HandlerFunc(base.workflowExecution),
		RemediationApprovalRequestPath: admission.HandlerFunc(base.approval),
		RemediationRequestPath:         admission.HandlerFunc(base.remediationRequest),
		NotificationRequestDeletePath:  admission.HandlerFunc(base.notificationDeletion),
	}
}

type base struct {
	Config
	decoder admission.Decoder
}

// decode reads the stored object and the requested one; the latter is nil in a deletion.
func (b base) decode(request admission.Request, before, after client.Object) error {
	if err := b.decoder.DecodeRaw(request.OldObject, before); err != nil {
		return fmt.Errorf("decoding the stored %s: %w", request.Kind.Kind, err)
	}
	if after == nil {
		return nil
	}
	if err := b.decoder.DecodeRaw(request.Object, after); err != nil {
		return fmt.Errorf("decoding the requested %s: %w", request.Kind.Kind, err)
	}
	return nil
}

func refused(err error) admission.Response { return admission.Errored(http.StatusBadRequest, err) }

// now is the present as the API server stores it.
func (b base) now() string { return b.Now().UTC().Format(time.RFC3339) }

// forgery logs that a user wrote somebody's name into a field that is written here. It is no reason to deny: the name is
// overwritten.
func (b base) forgery(request admission.Request, field, claimed string) {
	b.Log.Warn("forgery attempt: the author's name is taken from the authenticated user", "kind", request.Kind.Kind,
		"name", request.Name, "field", field, "claimed", claimed, "user", request.UserInfo.Username)
}

// decision is what an event tells.
type decision struct {
	kind          names.EventType
	object        client.Object
	correlationID string
	action        string
	// key tells decisions of one user on one object apart.
	key  string
	data map[string]any
}

// record leaves an event, unless nothing is stored.
func (b base) record(request admission.Request, d decision) {
	if request.DryRun != nil && *request.DryRun {
		return
	}
	user := request.UserInfo.Username
	d.data["user"], d.data["groups"] = user, request.UserInfo.Groups
	event := audit.NewEvent(d.kind, names.CategoryWebhook, d.action, names.OutcomeSuccess, d.correlationID, d.data)
	event.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%s/%s/%s", d.object.GetUID(), d.kind, user, d.key)).String()
	event.ActorType, event.ActorID = "user", user
	event.ResourceType, event.ResourceID = request.Kind.Kind, d.object.GetName()
	event.Namespace = d.object.GetNamespace()
	b.Audit.Record(event)
}

// operation is one step of a JSON patch, RFC 6902.
type operation = jsonpatch.JsonPatchOperation

// set returns the patch that writes a field of the status.
func set(field string, value any) operation {
	return jsonpatch.NewOperation("add", "/status/"+field, value)
}

// keep returns the patches that give an author's name and time the stored values again, when the request has others.
func keep(path, nameField, timeField, nameBefore, nameAfter string, timeBefore, timeAfter *metav1.Time) []operation {
	var patches []operation
	if nameAfter != nameBefore {
		patches = append(patches, restore(path+nameField, nameBefore, nameBefore == ""))
	}
	if !timeAfter.Equal(timeBefore) {
		value := ""
		if timeBefore != nil {
			value = timeBefore.UTC().Format(time.RFC3339)
		}
		patches = append(patches, restore(path+timeField, value, timeBefore == nil))
	}
	return patches
}

func restore(field, value string, absent bool) operation {
	if absent {
		return jsonpatch.NewOperation("remove", "/status/"+field, nil)
	}
	return set(field, value)
}

// allowed is the answer with patches, if there are any.
func allowed(patches []operation) admission.Response {
	if len(patches) == 0 {
		return admission.Allowed("")
	}
	return admission.Patched("", patches...)
}
