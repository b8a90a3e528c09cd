package reconcile_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/aianalysis/deploy"
	"github.com/kubernaut/kubernaut/services/aianalysis/reconcile"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policytest"
)

var request = ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "kubernaut", Name: "ai-1"}}

// world is a cluster in memory with one analysis, and a script of what holmesgpt-api answers.
type world struct {
	client     client.WithWatch
	trail      *trail
	told       *events.FakeRecorder
	reconciler *reconcile.Reconciler
	registry   *prometheus.Registry
	written    []v1alpha1.AIAnalysisPhase
	// answers are given one by one; the last one for ever.
	answers []func(context.Context) (holmesgpt.Response, error)
	calls   int
}

// Investigate implements reconcile.Investigator.
func (w *world) Investigate(ctx context.Context, _ *v1alpha1.AIAnalysis) (holmesgpt.Response, error) {
	answer := w.answers[min(w.calls, len(w.answers)-1)]
	w.calls++
	return answer(ctx)
}

func answer(response holmesgpt.Response) func(context.Context) (holmesgpt.Response, error) {
	return func(context.Context) (holmesgpt.Response, error) { return response, nil }
}

func refuse(err error) func(context.Context) (holmesgpt.Response, error) {
	return func(context.Context) (holmesgpt.Response, error) { return holmesgpt.Response{}, err }
}

// good is an answer on which nothing has to be done but to run the workflow.
func good() holmesgpt.Response {
	return holmesgpt.Response{
		IncidentID: "ai-1", Confidence: 0.95, TargetInOwnerChain: true,
		RootCauseAnalysis: holmesgpt.RootCauseAnalysis{Summary: "too little memory", Severity: "high", SignalType: "OOMKilled", ContributingFactors: []string{"traffic"}},
		SelectedWorkflow: &holmesgpt.SelectedWorkflow{
			WorkflowID: "w", Version: "1.0.0", ContainerImage: "i", ContainerDigest: "sha256:d", Confidence: 0.95, Rationale: "r", Parameters: map[string]string{"A": "b"},
		},
		AlternativeWorkflows:      []holmesgpt.AlternativeWorkflow{{}, {WorkflowID: "v", Confidence: 0.5, Rationale: "s"}},
		ValidationAttemptsHistory: []holmesgpt.ValidationAttempt{{Attempt: 1, WorkflowID: "w", IsValid: true}},
	}
}

// trail keeps events, as the audit client would send them.
type trail struct{ events []audit.Event }

func (t *trail) Record(events ...audit.Event) { t.events = append(t.events, events...) }

// counts returns the number of events by type, and by outcome where it is not success; transitions stand under their phases.
func (t *trail) counts() map[string]int {
	all := map[string]int{}
	for _, event := range t.events {
		key := string(event.Type)
		switch {
		case event.Type == names.EventAnalysisPhase:
			var data struct{ From, To string }
			_ = json.Unmarshal(event.Data, &data)
			key = data.From + "-" + data.To
		case event.Outcome != names.OutcomeSuccess:
			key += " " + string(event.Outcome)
		}
		all[key]++
	}
	return all
}

func analysis() *v1alpha1.AIAnalysis {
	return &v1alpha1.AIAnalysis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubernaut", Name: "ai-1", UID: "7f9b0c7e-5d3c-4f53-9a55-0c7b2c6a1f10", Generation: 1, CreationTimestamp: metav1.Now()},
		Spec: v1alpha1.AIAnalysisSpec{
			RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"}, RemediationID: "rr-1",
			AnalysisRequest: v1alpha1.AnalysisRequest{SignalContext: v1alpha1.SignalContext{
				Severity: "high", SignalType: "OOMKilled", Environment: "staging", BusinessPriority: "P1",
				TargetResource: v1alpha1.TargetResource{Kind: "Pod", Name: "shop-1", Namespace: "apps"},
			}},
		},
	}
}

// at returns an analysis that entered a phase some time ago.
func at(phase v1alpha1.AIAnalysisPhase, ago time.Duration) *v1alpha1.AIAnalysis {
	object := analysis()
	since := metav1.NewTime(time.Now().Add(-ago))
	object.Status.Phase, object.Status.StartedAt, object.Status.PhaseStartedAt = phase, &since, &since
	if phase == v1alpha1.AIAnalysisAnalyzing {
		object.Status.SelectedWorkflow = &v1alpha1.SelectedWorkflow{WorkflowID: "w", Confidence: 0.9}
	}
	return object
}

func newWorld(t *testing.T, object *v1alpha1.AIAnalysis, answers ...func(context.Context) (holmesgpt.Response, error)) *world {
	t.Helper()
	return newBrokenWorld(t, object, nil, answers...)
}

// update is a status write; newBrokenWorld's broken may do something else instead, or before.
type update func(ctx context.Context, object client.Object) error

func newBrokenWorld(t *testing.T, object *v1alpha1.AIAnalysis, broken func(context.Context, client.Client, client.Object, update) error, answers ...func(context.Context) (holmesgpt.Response, error)) *world {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{trail: &trail{}, told: events.NewFakeRecorder(100), registry: prometheus.NewRegistry(), answers: answers}
	funcs := interceptor.Funcs{SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
		write := func(ctx context.Context, object client.Object) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, object, options...)
		}
		var err error
		if broken != nil {
			err = broken(ctx, c, object, write)
		} else {
			err = write(ctx, object)
		}
		if err == nil {
			w.written = append(w.written, object.(*v1alpha1.AIAnalysis).Status.Phase)
		}
		return err
	}}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.AIAnalysis{}).WithObjects(object).WithInterceptorFuncs(funcs).Build()
	w.reconciler = &reconcile.Reconciler{
		Client: w.client, Reader: w.client, Investigator: w, Audit: w.trail, Events: w.told, Metrics: reconcile.NewMetrics(w.registry),
		Limits: reconcile.Limits{
			Confidence: 0.7, RetryBase: time.Second, RetryMax: 3 * time.Second, Investigating: 5 * time.Minute, Analyzing: time.Minute,
		},
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
	policies := policytest.Open(t, files, approval.Packages(), replaced)
	w.reconciler.Policies, w.reconciler.Approver = policies, approval.Approver{Policies: policies}
}

func (w *world) reconcile(t *testing.T) ctrl.Result {
	t.Helper()
	result, err := w.reconciler.Reconcile(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (w *world) status(t *testing.T) v1alpha1.AIAnalysisStatus {
	t.Helper()
	var object v1alpha1.AIAnalysis
	if err := w.client.Get(t.Context(), request.NamespacedName, &object); err != nil {
		t.Fatal(err)
	}
	return object.Status
}

// metric returns a counter's value by its labels' values, in the order of their names.
func (w *world) metric(t *testing.T, name string, values ...string) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			fits := len(metric.GetLabel()) == len(values)
			for i, label := range metric.GetLabel() {
				fits = fits && label.GetValue() == values[i]
			}
			if fits {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return -1
}
