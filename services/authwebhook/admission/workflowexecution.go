package admission

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// leastWords is how many words the reason of a clearance must have: enough to tell what was looked into.
const leastWords = 10

// workflowExecution lets a block be cleared once, for a reason.
func (b base) workflowExecution(_ context.Context, request admission.Request) admission.Response {
	var before, after v1alpha1.WorkflowExecution
	if err := b.decode(request, &before, &after); err != nil {
		return refused(err)
	}
	was, is := before.Status.BlockClearance, after.Status.BlockClearance
	if was != nil && was.ClearedBy != "" {
		return b.cleared(request, was, is)
	}
	if is == nil {
		return admission.Allowed("")
	}
	if words := len(strings.Fields(is.ClearReason)); words < leastWords {
		return admission.Denied(fmt.Sprintf("status.blockClearance.clearReason must have at least %d words, got %d: say what was checked and why the target is safe", leastWords, words))
	}
	user := request.UserInfo.Username
	if is.ClearedBy != "" && is.ClearedBy != user {
		b.forgery(request, "blockClearance.clearedBy", is.ClearedBy)
	}
	b.record(request, decision{
		kind: names.EventWebhookUnblocked, object: &after, correlationID: after.Spec.RemediationRequestRef.Name, action: "unblock",
		data: map[string]any{"reason": is.ClearReason, "target_resource": after.Spec.TargetResource},
	})
	patches := []operation{set("blockClearance/clearedBy", user), set("blockClearance/clearedAt", b.now())}
	if is.ClearMethod == "" {
		patches = append(patches, set("blockClearance/clearMethod", "StatusField"))
	}
	return allowed(patches)
}

// cleared keeps an attributed clearance.
func (b base) cleared(request admission.Request, was, is *v1alpha1.BlockClearance) admission.Response {
	if is == nil || is.ClearReason != was.ClearReason {
		return admission.Denied(fmt.Sprintf("the block was cleared by %s; a clearance cannot be changed", was.ClearedBy))
	}
	patches := keep("blockClearance/", "clearedBy", "clearedAt", was.ClearedBy, is.ClearedBy, was.ClearedAt, is.ClearedAt)
	b.logRestored(request, "blockClearance.clearedBy", is.ClearedBy, patches)
	return allowed(patches)
}
