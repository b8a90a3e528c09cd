package signalprocessing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// suite is what the subtests share.
type suite struct{ *session.Session }

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{session.Connect(t, "signalprocessing")}
	s.settle(t)
	return s
}

// settle waits until both programs have all their pods.
func (s *suite) settle(t *testing.T) {
	t.Helper()
	if err := s.Steady(t.Context(), api.DataStorage, s.DataStorage.Service, "/health/ready"); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), api.SignalProcessingComponent); err != nil {
		t.Fatal(err)
	}
}

// signal returns a signal that no other test and no other run has.
func (s *suite) signal(test, severity string, target api.TargetResource) *api.SignalProcessing {
	return &api.SignalProcessing{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "sp-e2e-" + s.Run + "-" + test},
		Spec: api.SignalProcessingSpec{
			RemediationRequestRef: api.ObjectReference{Name: "rr-e2e-" + s.Run + "-" + test},
			Signal: api.Signal{
				Fingerprint: strings.Repeat("0123456789abcdef", 4), Name: "E2E", Severity: severity, Type: api.PrometheusAlert,
				TargetType: api.KubernetesTarget, TargetResource: target,
			},
		},
	}
}

// flow returns the correlation id of a signal's events.
func flow(object api.SignalProcessing) string { return object.Spec.RemediationRequestRef.Name }

// create makes an object that the test's end removes.
func (s *suite) create(t *testing.T, object *api.SignalProcessing) {
	t.Helper()
	if err := s.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	s.removeFinally(t, object)
	t.Cleanup(func() {
		if t.Failed() {
			s.show(t, object.Name)
		}
	})
}

// show logs a status for the reader of a failure.
func (s *suite) show(t *testing.T, name string) {
	var object api.SignalProcessing
	err := s.Client.Get(context.WithoutCancel(t.Context()), client.ObjectKey{Namespace: s.Namespace, Name: name}, &object)
	text, _ := json.MarshalIndent(object.Status, "", "  ")
	t.Logf("status of %s: %s %v", name, text, err)
}

// removeFinally removes an object after the test.
func (s *suite) removeFinally(t *testing.T, object client.Object) {
	t.Helper()
	session.Finally(t, func(ctx context.Context) error { return client.IgnoreNotFound(s.Client.Delete(ctx, object)) })
}

// process creates a signal and returns it completed.
func (s *suite) process(t *testing.T, test, severity string, target api.TargetResource) api.SignalProcessing {
	t.Helper()
	object := s.signal(test, severity, target)
	s.create(t, object)
	return s.finish(t, object)
}

// classify processes a signal about an absent pod in a namespace of its own.
func (s *suite) classify(t *testing.T, test, severity string, labels map[string]string) api.SignalProcessing {
	t.Helper()
	return s.process(t, test, severity, api.TargetResource{Kind: "Pod", Name: "gone", Namespace: s.namespace(t, test, labels)})
}

// finish waits until a signal is completed and returns it.
func (s *suite) finish(t *testing.T, object *api.SignalProcessing) (got api.SignalProcessing) {
	t.Helper()
	s.Eventually(t, func(context.Context) error {
		if got = s.get(t, object.Name); !got.Status.Phase.Terminal() {
			return fmt.Errorf("%s is in phase %q", object.Name, got.Status.Phase)
		}
		return nil
	})
	if got.Status.Phase != api.SignalProcessingCompleted {
		t.Fatalf("%s: got %s, want Completed: %s", object.Name, got.Status.Phase, got.Status.Error)
	}
	return got
}

func (s *suite) get(t *testing.T, name string) (object api.SignalProcessing) {
	t.Helper()
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: s.Namespace, Name: name}, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// livePod names a running pod that a Deployment owns: datastorage's.
func (s *suite) livePod(t *testing.T) api.TargetResource {
	t.Helper()
	return api.TargetResource{Kind: "Pod", Name: s.onlyPod(t, api.DataStorage).Name, Namespace: s.Namespace}
}

// controller returns the name of the controller's pod.
func (s *suite) controller(t *testing.T) string {
	t.Helper()
	return s.onlyPod(t, api.SignalProcessingComponent).Name
}

func (s *suite) onlyPod(t *testing.T, component string) corev1.Pod {
	t.Helper()
	pods, err := s.Pods(t.Context(), component)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods of %s and error %v, want 1", len(pods), component, err)
	}
	return pods[0]
}

func (s *suite) pod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	pod, err := s.Kube.CoreV1().Pods(s.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// scrape reads the controller's metrics.
func (s *suite) scrape(t *testing.T) wire.Response {
	t.Helper()
	response, err := s.GetFromPod(t.Context(), s.controller(t), api.MetricsPort, "/metrics")
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("metrics: got %d %s and error %v, want 200", response.Status, response.Body, err)
	}
	return response
}

// wantTrail waits until datastorage has exactly the events of one completed signal: each result once, each transition
// once. Transitions stand under their phases.
func (s *suite) wantTrail(t *testing.T, object api.SignalProcessing) {
	t.Helper()
	want := map[string]int{
		string(api.EventEnrichmentCompleted): 1, string(api.EventClassificationDecision): 1, string(api.EventBusinessClassified): 1,
		string(api.EventSignalProcessed): 1,
		"Pending-Enriching":              1, "Enriching-Classifying": 1, "Classifying-Categorizing": 1, "Categorizing-Completed": 1,
	}
	s.WantTitles(t, flow(object), want, title)
}

func title(event api.AuditEvent) string {
	var data struct{ From, To string }
	if event.Type != api.EventSignalProcessingPhase || json.Unmarshal(event.Data, &data) != nil {
		return string(event.Type)
	}
	return data.From + "-" + data.To
}

// restore works after a test's end, too.
func (s *suite) restore(t *testing.T, component string, replicas int32) {
	t.Helper()
	if _, err := s.Scale(context.WithoutCancel(t.Context()), component, replicas); err != nil {
		t.Errorf("restoring %s: %v", component, err)
	}
}
