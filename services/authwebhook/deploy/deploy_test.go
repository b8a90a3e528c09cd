package deploy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/authwebhook/admission"
	"github.com/kubernaut/kubernaut/services/authwebhook/app"
	"github.com/kubernaut/kubernaut/services/authwebhook/deploy"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestManifest(t *testing.T) {
	manifest := deploytest.Decode(t, deploy.Manifest())
	manifest.Check(deploytest.Expectation{
		Component:   names.AuthWebhook,
		Permissions: app.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole},
		Env:         []string{"DATA_STORAGE_URL"},
	})
	service := deploytest.Only[*corev1.Service](manifest)
	if diff := cmp.Diff([]any{names.AuthWebhookService, int32(443)}, []any{service.Name, service.Spec.Ports[0].Port}); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}

// Every handler has a webhook, every webhook has a handler, and each one is closed on failure and bound to one namespace.
func TestWebhooks(t *testing.T) {
	manifest := deploytest.Decode(t, deploy.Manifest())
	got := map[string]any{}
	for _, webhook := range deploytest.Only[*admissionv1.MutatingWebhookConfiguration](manifest).Webhooks {
		got[*webhook.ClientConfig.Service.Path] = describe(webhook.ClientConfig, webhook.Rules, webhook.FailurePolicy, webhook.SideEffects, webhook.NamespaceSelector.MatchLabels)
	}
	for _, webhook := range deploytest.Only[*admissionv1.ValidatingWebhookConfiguration](manifest).Webhooks {
		got[*webhook.ClientConfig.Service.Path] = describe(webhook.ClientConfig, webhook.Rules, webhook.FailurePolicy, webhook.SideEffects, webhook.NamespaceSelector.MatchLabels)
	}
	want := map[string]any{}
	for path, rule := range map[string][]string{
		admission.WorkflowExecutionPath:          {"UPDATE", "workflowexecutions/status"},
		admission.RemediationApprovalRequestPath: {"UPDATE", "remediationapprovalrequests/status"},
		admission.RemediationRequestPath:         {"UPDATE", "remediationrequests/status"},
		admission.NotificationRequestDeletePath:  {"DELETE", "notificationrequests"},
	} {
		want[path] = []any{names.AuthWebhookService, names.Namespace, rule, []string{names.APIGroup, names.APIVersion},
			admissionv1.Fail, admissionv1.SideEffectClassNoneOnDryRun, map[string]string{"kubernetes.io/metadata.name": names.Namespace}}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("webhooks by path (-want +got):\n%s", diff)
	}
	var paths, handled []string
	for path := range want {
		paths = append(paths, path)
	}
	for path := range admission.Handlers(admission.Config{Scheme: runtime.NewScheme()}) {
		handled = append(handled, path)
	}
	slices.Sort(paths)
	slices.Sort(handled)
	if diff := cmp.Diff(paths, handled); diff != "" {
		t.Errorf("paths (-webhooks +handlers):\n%s", diff)
	}
}

func describe(call admissionv1.WebhookClientConfig, rules []admissionv1.RuleWithOperations, policy *admissionv1.FailurePolicyType,
	effects *admissionv1.SideEffectClass, selected map[string]string) []any {
	rule := rules[0]
	return []any{call.Service.Name, call.Service.Namespace, []string{string(rule.Operations[0]), rule.Resources[0]},
		[]string{rule.APIGroups[0], rule.APIVersions[0]}, *policy, *effects, selected}
}
