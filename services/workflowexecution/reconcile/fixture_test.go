package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
	"github.com/kubernaut/kubernaut/services/workflowexecution/reconcile"
)

const (
	system    = "system"
	workflows = "workflows"
	target    = "shop/Deployment/web"
)

// fixture is a reconciler on a cluster in memory, with a clock that stands.
type fixture struct {
	*testing.T
	*reconcile.Reconciler
	client.WithWatch
	now     time.Time
	trail   []string
	ids     []string // of the trail's events
	events  *events.FakeRecorder
	metrics *prometheus.Registry
}

func (f *fixture) Record(recorded ...audit.Event) {
	for _, event := range recorded {
		if event.CorrelationID != "rr-1" {
			f.Errorf("event %s: correlation id %q, want the request's name", event.Type, event.CorrelationID)
		}
		f.ids = append(f.ids, event.ID)
		f.trail = append(f.trail, strings.TrimPrefix(string(event.Type), "workflowexecution.")+" "+string(event.Outcome))
	}
}

func start(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *fixture {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&v1alpha1.WorkflowExecution{}, &batchv1.Job{}, &corev1.Pod{}).
		WithIndex(&v1alpha1.WorkflowExecution{}, v1alpha1.TargetResourceField, reconcile.Target).
		WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} }).
		WithIndex(&corev1.Event{}, "reason", func(o client.Object) []string { return []string{o.(*corev1.Event).Reason} }).
		Build()
	f := &fixture{T: t, WithWatch: cluster, now: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), events: events.NewFakeRecorder(100), metrics: prometheus.NewRegistry()}
	f.Reconciler = &reconcile.Reconciler{
		Client: cluster, API: cluster,
		Template: job.Template{Namespace: workflows, ServiceAccount: "runner", Timeout: time.Minute, MemoryLimit: resource.MustParse("64Mi")},
		Policy:   lock.Policy{Cooldown: 5 * time.Minute, BackoffBase: time.Minute, BackoffMax: time.Hour, MaxFailures: 2},
		Grace:    time.Minute, Trail: f, Events: f.events, Metrics: reconcile.NewMetrics(f.metrics),
		Now: func() time.Time { return f.now },
	}
	return f
}

func execution(name string, edit func(*v1alpha1.WorkflowExecution)) *v1alpha1.WorkflowExecution {
	e := &v1alpha1.WorkflowExecution{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: system, UID: types.UID("uid-" + name)},
		Spec: v1alpha1.WorkflowExecutionSpec{
			RemediationRequestRef: v1alpha1.ObjectReference{Name: "rr-1"},
			WorkflowRef:           v1alpha1.WorkflowRef{WorkflowID: "restart", Version: "1", ContainerImage: "image"},
			TargetResource:        target,
		},
	}
	if edit != nil {
		edit(e)
	}
	return e
}

// step reconciles the execution until its status stays as it is, and returns what the last step asked for.
func (f *fixture) step(name string) ctrl.Result {
	f.Helper()
	for range 10 {
		before, _ := f.read(name)
		result, err := f.Reconcile(f.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: system, Name: name}})
		if err != nil {
			f.Fatal(err)
		}
		if after, found := f.read(name); !found || before.ResourceVersion == after.ResourceVersion {
			return result
		}
	}
	f.Fatalf("execution %s does not come to rest", name)
	return ctrl.Result{}
}

func (f *fixture) read(name string) (*v1alpha1.WorkflowExecution, bool) {
	f.Helper()
	var e v1alpha1.WorkflowExecution
	err := f.WithWatch.Get(f.Context(), types.NamespacedName{Namespace: system, Name: name}, &e)
	if client.IgnoreNotFound(err) != nil {
		f.Fatal(err)
	}
	return &e, err == nil
}

// status is the execution's own; it must exist.
func (f *fixture) status(name string) v1alpha1.WorkflowExecutionStatus {
	f.Helper()
	e, found := f.read(name)
	if !found {
		f.Fatalf("execution %s is gone", name)
	}
	return e.Status
}

func (f *fixture) want(name string, phase v1alpha1.WorkflowExecutionPhase) v1alpha1.WorkflowExecutionStatus {
	f.Helper()
	status := f.status(name)
	if status.Phase != phase {
		f.Fatalf("phase of %s: got %q, want %q; status %+v", name, status.Phase, phase, status)
	}
	return status
}

// job returns the target's Job, nil when there is none.
func (f *fixture) job() *batchv1.Job {
	f.Helper()
	var j batchv1.Job
	err := f.WithWatch.Get(f.Context(), types.NamespacedName{Namespace: workflows, Name: job.Name(target)}, &j)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		f.Fatal(err)
	}
	return &j
}

// kubernetes gives the Job a uid and a pod, as the API server and the Job controller do.
func (f *fixture) kubernetes(state corev1.ContainerState) {
	f.Helper()
	j := f.job()
	j.UID = "job-uid"
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod", Namespace: workflows, Labels: map[string]string{batchv1.ControllerUidLabel: "job-uid"}},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: job.Container, State: state}}},
	}
	if err := f.WithWatch.Update(f.Context(), j); err != nil {
		f.Fatal(err)
	}
	f.must(client.IgnoreNotFound(f.WithWatch.Delete(f.Context(), pod.DeepCopy())))
	f.must(f.WithWatch.Create(f.Context(), pod))
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) end(kind batchv1.JobConditionType, reason string) {
	f.Helper()
	j := f.job()
	j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue, Reason: reason}}
	f.must(f.WithWatch.Status().Update(f.Context(), j))
}

func exited(code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, StartedAt: metav1.NewTime(time.Unix(1000, 0))}}
}

// blocked returns the reason why the execution waits, "" when it does not say so.
func (f *fixture) blocked(name string) string {
	f.Helper()
	blocked := meta.FindStatusCondition(f.status(name).Conditions, reconcile.Blocked)
	if blocked == nil || blocked.Status != metav1.ConditionTrue {
		return ""
	}
	return blocked.Reason
}

func (f *fixture) wantTrail(want ...string) {
	f.Helper()
	if diff := cmp.Diff(want, f.trail); diff != "" {
		f.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func (f *fixture) wantKubernetesEvents(want ...string) {
	f.Helper()
	var got []string
	for len(f.events.Events) > 0 {
		got = append(got, strings.Join(strings.Fields(<-f.events.Events)[:2], " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("Kubernetes events (-want +got):\n%s", diff)
	}
}

func (f *fixture) wantMetric(outcome, reason string) {
	f.Helper()
	families, err := f.metrics.Gather()
	f.must(err)
	var got []string
	for _, family := range families {
		for _, metric := range family.Metric {
			var labels []string
			for _, label := range metric.Label {
				labels = append(labels, label.GetValue())
			}
			got = append(got, fmt.Sprint(labels, metric.GetCounter().GetValue(), metric.GetHistogram().GetSampleCount()))
		}
	}
	want := []string{fmt.Sprintf("[%s] 0 1", outcome), fmt.Sprintf("[%s %s] 1 0", outcome, reason)}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("metrics (-want +got):\n%s", diff)
	}
}
