package reconcile

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/controller"
)

// TestWhatWakesBlockedRequests: in a cluster a broken watch would show up only as slowness.
func TestWhatWakesBlockedRequests(t *testing.T) {
	request := func(name, fingerprint, target string, phase v1alpha1.Phase) *v1alpha1.RemediationRequest {
		made := &v1alpha1.RemediationRequest{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kubernaut-system"}}
		made.Spec.SignalFingerprint = strings.Repeat(fingerprint, 64)
		made.Spec.TargetResource = v1alpha1.TargetResource{Kind: "Deployment", Name: target, Namespace: "shop"}
		made.Status.OverallPhase = phase
		return made
	}
	execution := &v1alpha1.WorkflowExecution{ObjectMeta: metav1.ObjectMeta{Name: "we", Namespace: "kubernaut-system"}}
	execution.Spec.TargetResource = "shop/Deployment/web"
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(scheme).
		WithIndex(&v1alpha1.RemediationRequest{}, phaseIndex, phaseOf).
		WithObjects(
			request("same-signal", "a", "api", v1alpha1.Blocked), request("same-target", "b", "web", v1alpha1.Blocked),
			request("not-blocked", "a", "web", v1alpha1.Analyzing), request("changed", "a", "db", v1alpha1.Blocked),
		).Build()}
	for name, test := range map[string]struct {
		changed client.Object
		wakes   func(context.Context, client.Object) []ctrl.Request
		want    []string
	}{
		"request":   {request("changed", "a", "db", v1alpha1.Completed), r.sameSignal, []string{"same-signal"}},
		"execution": {execution, r.sameTarget, []string{"same-target"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, woken := range test.wakes(context.Background(), test.changed) {
				got = append(got, woken.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}
