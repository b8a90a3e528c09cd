package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// remediationRequest names the author of changed time limits. Every controller of the flow passes here often, so that a
// change of anything else must cost nothing.
func (b base) remediationRequest(_ context.Context, request admission.Request) admission.Response {
	var before, after v1alpha1.RemediationRequest
	if err := b.decode(request, &before, &after); err != nil {
		return refused(err)
	}
	was, is := before.Status, after.Status
	if equality.Semantic.DeepEqual(was.TimeoutConfig, is.TimeoutConfig) {
		patches := keep("", "lastModifiedBy", "lastModifiedAt", was.LastModifiedBy, is.LastModifiedBy, was.LastModifiedAt, is.LastModifiedAt)
		b.logRestored(request, "lastModifiedBy", is.LastModifiedBy, patches)
		return allowed(patches)
	}
	if claimed := is.LastModifiedBy; claimed != was.LastModifiedBy && claimed != request.UserInfo.Username {
		b.forgery(request, "lastModifiedBy", claimed)
	}
	b.record(request, decision{
		kind: names.EventWebhookTimeoutModified, object: &after, correlationID: after.Name, action: "modify-timeouts",
		key: before.ResourceVersion, data: map[string]any{"before": was.TimeoutConfig, "after": is.TimeoutConfig},
	})
	return admission.Patched("", set("lastModifiedBy", request.UserInfo.Username), set("lastModifiedAt", b.now()))
}
