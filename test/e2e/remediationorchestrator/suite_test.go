package remediationorchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
)

// suite is what the subtests share.
type suite struct{ *session.Session }

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{session.Connect(t, "remediationorchestrator")}
	s.RemoveRequestsFinally(t)
	if err := s.Settled(t.Context(), api.RemediationOrchestrator); err != nil {
		t.Fatal(err)
	}
	return s
}

// trail returns the orchestrator's audit events of a flow in their order, transitions as "from→to".
func (s *suite) trail(ctx context.Context, correlation string) ([]string, error) {
	events, err := s.Flow(ctx, correlation)
	var trail []string
	for _, event := range events {
		text := string(event.Type)
		if !strings.HasPrefix(text, "orchestrator.") {
			continue // the admission webhook's
		}
		if event.Type == api.EventLifecycleTransitioned {
			var step struct{ From, To string }
			if err := json.Unmarshal(event.Data, &step); err != nil {
				return nil, fmt.Errorf("event %s: %w", event.ID, err)
			}
			text = step.From + "→" + step.To
		}
		trail = append(trail, text)
	}
	return trail, err
}

// wantTrail waits until datastorage has exactly these events of a flow, in this order.
func (s *suite) wantTrail(t *testing.T, correlation string, want ...string) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		got, err := s.trail(ctx, correlation)
		if err != nil {
			return err
		}
		if diff := contrast.Diff(want, got); diff != "" {
			return fmt.Errorf("audit trail of %s (-want +got):\n%s", correlation, diff)
		}
		return nil
	})
}

// metric returns the sum of an orchestrator's metric over the series that have the label.
func (s *suite) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	pods, err := s.Pods(t.Context(), api.RemediationOrchestrator)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods of the orchestrator and error %v, want 1", len(pods), err)
	}
	page, err := s.GetFromPod(t.Context(), pods[0].Name, api.MetricsPort, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := page.Metric("kubernaut_remediationorchestrator_"+name, label)
	return sum
}

// kubernetesEvents returns the reasons of the events about an object.
func (s *suite) kubernetesEvents(ctx context.Context, name string) (map[string]bool, error) {
	list, err := s.Kube.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
	if err != nil {
		return nil, fmt.Errorf("listing events of %q: %w", name, err)
	}
	reasons := map[string]bool{}
	for _, event := range list.Items {
		reasons[event.Reason] = true
	}
	return reasons, nil
}
