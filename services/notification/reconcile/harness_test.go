package reconcile_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/notification/message"
	"github.com/kubernaut/kubernaut/services/notification/reconcile"
)

// rig is a reconciler with an API server in memory, channels that do as told, and a clock that stands still.
type rig struct {
	t          *testing.T
	client     client.Client
	reconciler *reconcile.Reconciler
	registry   *prometheus.Registry
	now        time.Time
	trail      trail
	recorder   *events.FakeRecorder
	// answers of each channel, in their order; none means success.
	answers map[v1alpha1.Channel][]error
	// sent is a line for each attempt.
	sent []string
	// writes fail while it is set.
	writes error
	// during runs in the middle of an attempt.
	during func()
}

type trail struct {
	mu     sync.Mutex
	events []audit.Event
}

func (t *trail) Record(events ...audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
}

// Deliver is the rig's channels.
func (r *rig) Deliver(ctx context.Context, channel v1alpha1.Channel, m message.Message, to string) error {
	if r.during != nil {
		r.during()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.sent = append(r.sent, string(channel)+to+" "+m.Subject)
	if len(r.answers[channel]) == 0 {
		return nil
	}
	answer := r.answers[channel][0]
	r.answers[channel] = r.answers[channel][1:]
	return answer
}

func newRig(t *testing.T, spec v1alpha1.NotificationRequestSpec) *rig {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, now: time.Unix(1_800_000_000, 0), answers: map[v1alpha1.Channel][]error{}}
	spec.Subject, spec.Body = "hello", "body"
	object := &v1alpha1.NotificationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Namespace: "ns", UID: "u", Generation: 1, CreationTimestamp: metav1.NewTime(r.now)}, Spec: spec,
	}
	r.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(object).WithStatusSubresource(object).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, name string, o client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
				if err := errors.Join(r.writes, ctx.Err()); err != nil {
					return err
				}
				return c.SubResource(name).Patch(ctx, o, patch, options...)
			},
		}).Build()
	r.restart()
	return r
}

// restart replaces the reconciler by one that knows nothing.
func (r *rig) restart() {
	r.registry = prometheus.NewRegistry()
	r.recorder = events.NewFakeRecorder(100)
	r.reconciler = &reconcile.Reconciler{
		Client: r.client, API: r.client, Sender: r, Defaults: []v1alpha1.Channel{v1alpha1.ConsoleChannel},
		Trail: &r.trail, Events: r.recorder, Metrics: reconcile.NewMetrics(r.registry),
		Now: func() time.Time { return r.now },
	}
}

func (r *rig) reconcile(ctx context.Context) (time.Duration, error) {
	result, err := r.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "ns", Name: "n"}})
	return result.RequeueAfter, err
}

// step reconciles once, wants no error, and returns when the next time is.
func (r *rig) step() time.Duration {
	r.t.Helper()
	after, err := r.reconcile(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return after
}

func (r *rig) get() *v1alpha1.NotificationRequest {
	r.t.Helper()
	var object v1alpha1.NotificationRequest
	if err := r.client.Get(r.t.Context(), client.ObjectKey{Namespace: "ns", Name: "n"}, &object); err != nil {
		r.t.Fatal(err)
	}
	return &object
}

// reasons returns what Kubernetes events have told since the last call.
func (r *rig) reasons() []string {
	var all []string
	for len(r.recorder.Events) > 0 {
		all = append(all, <-r.recorder.Events)
	}
	return all
}

func (r *rig) recorded() []string {
	var all []string
	for _, event := range r.trail.events {
		all = append(all, string(event.Type)+" "+event.CorrelationID+" "+string(event.Outcome))
	}
	return all
}
