package reconcile_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/journal"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/reconcile"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

const (
	namespace   = "kubernaut-system"
	requestName = "rr-0123456789ab-deadbeef"
)

// world is a fake cluster with the orchestrator in it, and a clock that the test moves.
type world struct {
	t          *testing.T
	client     client.Client
	reconciler *reconcile.Reconciler
	clock      time.Time

	mu     sync.Mutex
	trail  []audit.Event
	events []string // Kubernetes events: type and reason
}

func newWorld(t *testing.T, funcs interceptor.Funcs) *world {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&v1alpha1.RemediationRequest{}, &v1alpha1.RemediationApprovalRequest{}, &v1alpha1.SignalProcessing{},
			&v1alpha1.AIAnalysis{}, &v1alpha1.WorkflowExecution{}).
		WithIndex(&v1alpha1.RemediationRequest{}, v1alpha1.FingerprintField, func(o client.Object) []string {
			return []string{o.(*v1alpha1.RemediationRequest).Spec.SignalFingerprint}
		}).
		WithIndex(&v1alpha1.WorkflowExecution{}, v1alpha1.TargetResourceField, func(o client.Object) []string {
			return []string{o.(*v1alpha1.WorkflowExecution).Spec.TargetResource}
		}).
		Build()
	now := func() time.Time { return w.clock }
	w.reconciler = &reconcile.Reconciler{
		Client: w.client, Direct: w.client, Scheme: scheme, Now: now,
		Limits: reconcile.Limits{
			Global: time.Hour, Processing: 5 * time.Minute, Analyzing: 10 * time.Minute, Executing: 30 * time.Minute,
			Approval: 15 * time.Minute, Recheck: 30 * time.Second,
		},
		Router: routing.Router{Reader: w.client, Now: now, Limits: routing.Limits{
			ConsecutiveFailures: 3, FailureCooldown: time.Hour, RemediatedCooldown: 5 * time.Minute, BackoffBase: time.Minute, BackoffMax: 10 * time.Minute,
		}},
		Journal: journal.New(w, w, journal.NewMetrics(prometheus.NewRegistry())),
	}
	return w
}

// Record takes audit events, as the audit client does.
func (w *world) Record(events ...audit.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trail = append(w.trail, events...)
}

// Eventf takes Kubernetes events, as the recorder does.
func (w *world) Eventf(_, _ runtime.Object, eventType, reason, _, _ string, _ ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, eventType+" "+reason)
}

// request returns a new request of the test's signal, not yet created.
func (w *world) request(name string) *v1alpha1.RemediationRequest {
	return &v1alpha1.RemediationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID("uid-of-" + name), CreationTimestamp: metav1.NewTime(w.clock)},
		Spec: v1alpha1.RemediationRequestSpec{
			SignalFingerprint: strings.Repeat("a", 64), SignalName: "OOMKilled", Severity: "page", SignalType: v1alpha1.PrometheusAlert,
			SignalSource: "alertmanager", TargetType: v1alpha1.KubernetesTarget,
			TargetResource:    v1alpha1.TargetResource{Kind: "Deployment", Name: "web", Namespace: "shop"},
			FiringTime:        metav1.NewTime(w.clock),
			ReceivedTime:      metav1.NewTime(w.clock),
			SignalAnnotations: map[string]string{"summary": "web is out of memory", "description": "three times"},
		},
	}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(context.Background(), object); err != nil {
		w.t.Fatal(err)
	}
}

// start creates the test's request and lets the orchestrator work on it.
func (w *world) start() *v1alpha1.RemediationRequest {
	w.t.Helper()
	w.create(w.request(requestName))
	return w.run()
}

// run reconciles until nothing changes, and returns the request.
func (w *world) run() *v1alpha1.RemediationRequest {
	w.t.Helper()
	for range 20 {
		before := w.get()
		if _, err := w.reconcile(); err != nil {
			w.t.Fatal(err)
		}
		after := w.get()
		if before.ResourceVersion == after.ResourceVersion {
			return after
		}
	}
	w.t.Fatal("the request never comes to rest")
	return nil
}

func (w *world) reconcile() (ctrl.Result, error) {
	key := types.NamespacedName{Namespace: namespace, Name: requestName}
	return w.reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: key})
}

func (w *world) get() *v1alpha1.RemediationRequest {
	w.t.Helper()
	var request v1alpha1.RemediationRequest
	w.read(requestName, &request)
	return &request
}

func (w *world) read(name string, into client.Object) {
	w.t.Helper()
	if err := w.client.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exists(name string, into client.Object) bool {
	err := w.client.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, into)
	return err == nil
}

func (w *world) write(object client.Object) {
	w.t.Helper()
	if err := w.client.Status().Update(context.Background(), object); err != nil {
		w.t.Fatal(err)
	}
}

// process plays signal processing, and lets the orchestrator work on it.
func (w *world) process(edit func(*v1alpha1.SignalProcessingStatus)) *v1alpha1.RemediationRequest {
	w.t.Helper()
	w.processed(edit)
	return w.run()
}

func (w *world) processed(edit func(*v1alpha1.SignalProcessingStatus)) {
	w.t.Helper()
	var sp v1alpha1.SignalProcessing
	w.read(names.SignalProcessingName(requestName), &sp)
	sp.Status = v1alpha1.SignalProcessingStatus{
		Phase: v1alpha1.SignalProcessingCompleted, Severity: "critical",
		EnvironmentClassification: &v1alpha1.EnvironmentClassification{Environment: "staging", Source: "namespace-labels"},
		PriorityAssignment:        &v1alpha1.PriorityAssignment{Priority: "P2"},
		KubernetesContext:         &v1alpha1.KubernetesContext{OwnerChain: []v1alpha1.OwnerReference{{Kind: "Deployment", Name: "web"}}},
	}
	if edit != nil {
		edit(&sp.Status)
	}
	w.write(&sp)
}

// analyze plays the analysis.
func (w *world) analyze(edit func(*v1alpha1.AIAnalysisStatus)) *v1alpha1.RemediationRequest {
	w.t.Helper()
	var aa v1alpha1.AIAnalysis
	w.read(names.AIAnalysisName(requestName), &aa)
	aa.Status = v1alpha1.AIAnalysisStatus{
		Phase: v1alpha1.AIAnalysisCompleted, RootCause: "a leak",
		SelectedWorkflow: &v1alpha1.SelectedWorkflow{
			WorkflowID: "workflow-1", Version: "1.0.0", ContainerImage: "registry/increase-memory", Confidence: 0.95,
			Parameters: map[string]string{"MEMORY": "128Mi"}, Rationale: "more memory helps",
		},
	}
	if edit != nil {
		edit(&aa.Status)
	}
	w.write(&aa)
	return w.run()
}

// execute plays workflowexecution.
func (w *world) execute(edit func(*v1alpha1.WorkflowExecutionStatus)) *v1alpha1.RemediationRequest {
	w.t.Helper()
	var wfe v1alpha1.WorkflowExecution
	w.read(names.WorkflowExecutionName(requestName), &wfe)
	done := metav1.NewTime(w.clock)
	wfe.Status = v1alpha1.WorkflowExecutionStatus{Phase: v1alpha1.WorkflowExecutionCompleted, CompletionTime: &done, Duration: "3s"}
	if edit != nil {
		edit(&wfe.Status)
	}
	w.write(&wfe)
	return w.run()
}

// decide plays the human.
func (w *world) decide(decision v1alpha1.Decision) *v1alpha1.RemediationRequest {
	w.t.Helper()
	var rar v1alpha1.RemediationApprovalRequest
	w.read(names.ApprovalRequestName(requestName), &rar)
	rar.Status.Decision, rar.Status.DecidedBy = decision, "alice"
	w.write(&rar)
	return w.run()
}

// types returns the types of the trail's events; transitions with their phases.
func (w *world) types() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, event := range w.trail {
		all = append(all, strings.TrimPrefix(string(event.Type), "orchestrator."))
	}
	return all
}
