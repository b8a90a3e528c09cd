package reconcile_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policy"
	"github.com/kubernaut/kubernaut/services/internal/policytest"
	"github.com/kubernaut/kubernaut/services/signalprocessing/classification"
	"github.com/kubernaut/kubernaut/services/signalprocessing/deploy"
	"github.com/kubernaut/kubernaut/services/signalprocessing/enrichment"
	"github.com/kubernaut/kubernaut/services/signalprocessing/reconcile"
)

var request = ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "kubernaut", Name: "sp-1"}}

// world is a cluster in memory with one pod in production and one signal about it.
type world struct {
	client     client.WithWatch
	trail      *trail
	policies   *policy.Set
	reconciler *reconcile.Reconciler
	written    []v1alpha1.SignalProcessingPhase
}

// trail keeps events, as the audit client would send them.
type trail struct{ events []audit.Event }

func (t *trail) Record(events ...audit.Event) { t.events = append(t.events, events...) }

// counts returns the number of events by type, and of transitions by their phases.
func (t *trail) counts() map[string]int {
	all := map[string]int{}
	for _, event := range t.events {
		key := string(event.Type)
		if event.Type == names.EventSignalProcessingPhase {
			var data struct{ From, To string }
			_ = json.Unmarshal(event.Data, &data)
			key = data.From + "-" + data.To
		}
		all[key]++
	}
	return all
}

func signal() *v1alpha1.SignalProcessing {
	return &v1alpha1.SignalProcessing{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubernaut", Name: "sp-1", UID: "7f9b0c7e-5d3c-4f53-9a55-0c7b2c6a1f10", Generation: 1},
		Spec: v1alpha1.SignalProcessingSpec{
			RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"},
			Signal: v1alpha1.Signal{
				Name: "KubePodCrashLooping", Severity: "warning",
				TargetResource: v1alpha1.TargetResource{Kind: "Pod", Name: "shop-1", Namespace: "apps"},
			},
		},
	}
}

// newWorld returns a world with the delivered policies, one of them replaced: its file name and its text.
func newWorld(t *testing.T, funcs interceptor.Funcs, replaced ...string) *world {
	t.Helper()
	w := newWorldOf(t, funcs, signal())
	if len(replaced) > 0 {
		w.usePolicies(t, map[string]string{replaced[0]: replaced[1]})
	}
	return w
}

func newWorldOf(t *testing.T, funcs interceptor.Funcs, object *v1alpha1.SignalProcessing) *world {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{trail: &trail{}}
	broken := funcs.SubResourceUpdate
	funcs.SubResourceUpdate = func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
		update := c.SubResource(sub).Update
		if broken != nil {
			update = func(ctx context.Context, object client.Object, options ...client.SubResourceUpdateOption) error {
				return broken(ctx, c, sub, object, options...)
			}
		}
		err := update(ctx, object, options...)
		if err == nil {
			w.written = append(w.written, object.(*v1alpha1.SignalProcessing).Status.Phase)
		}
		return err
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.SignalProcessing{}).WithObjects(object,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "apps", Labels: map[string]string{"kubernaut.ai/environment": "production", "custom.kubernaut.ai/team": "a"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "shop-1", Namespace: "apps"}},
	).WithInterceptorFuncs(funcs).Build()
	w.reconciler = &reconcile.Reconciler{
		Client: w.client, Enricher: enrichment.Enricher{Reader: w.client, Timeout: time.Minute}, Audit: w.trail,
		Metrics: reconcile.NewMetrics(prometheus.NewRegistry()), MaxFailures: 3,
	}
	w.usePolicies(t, nil)
	return w
}

func (w *world) usePolicies(t *testing.T, replaced map[string]string) {
	t.Helper()
	files, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	w.policies = policytest.Open(t, files, classification.Packages(), replaced)
	w.reconciler.Policies, w.reconciler.Classifier = w.policies, classification.Classifier{Policies: w.policies}
}

func (w *world) reconcile(t *testing.T) ctrl.Result {
	t.Helper()
	result, err := w.reconciler.Reconcile(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (w *world) object(t *testing.T) v1alpha1.SignalProcessing {
	t.Helper()
	var object v1alpha1.SignalProcessing
	if err := w.client.Get(t.Context(), request.NamespacedName, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// phases returns the phases of all writes in their order.
func (w *world) phases() []v1alpha1.SignalProcessingPhase { return w.written }
