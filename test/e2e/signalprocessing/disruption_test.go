package signalprocessing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubernaut/kubernaut/services/api"
)

// policyMap is the ConfigMap of the policies, priorityFile one file in it, and stagingRow a part of that.
const (
	policyMap    = "signalprocessing-policies"
	priorityFile = "priority.rego"
	stagingRow   = `"environment": "staging", "severities": {"critical"}, "priority": "P2"`
)

var staging = map[string]string{environmentLabel: "staging"}

func (s *suite) changedPolicy(t *testing.T) {
	before := s.classify(t, "sp11-before", "critical", staging).Status
	text := s.policy(t)
	if before.PriorityAssignment.Priority != "P2" || !strings.Contains(text, stagingRow) {
		t.Fatalf("got priority %s by the delivered policy, want P2 by the row %s", before.PriorityAssignment.Priority, stagingRow)
	}
	s.usePolicy(t, strings.ReplaceAll(text, stagingRow, strings.ReplaceAll(stagingRow, "P2", "P1")), string(api.OutcomeSuccess))
	after := s.classify(t, "sp11-after", "critical", staging).Status
	if after.PriorityAssignment.Priority != "P1" || after.PolicyHash == before.PolicyHash || len(after.PolicyHash) != 64 {
		t.Errorf("got priority %s and policies %q, want P1 and others than %q", after.PriorityAssignment.Priority, after.PolicyHash, before.PolicyHash)
	}
	s.usePolicy(t, text, string(api.OutcomeSuccess))
	again := s.classify(t, "sp11-again", "critical", staging).Status
	if again.PriorityAssignment.Priority != "P2" || again.PolicyHash != before.PolicyHash {
		t.Errorf("after the change back: got %s and policies %q, want P2 and %q", again.PriorityAssignment.Priority, again.PolicyHash, before.PolicyHash)
	}
}

func (s *suite) brokenPolicy(t *testing.T) {
	good := s.policy(t)
	before := s.classify(t, "sp12-before", "critical", staging).Status
	broken := "package signalprocessing.priority\n\npriority := { # broken by run " + s.Run + "\n"
	s.usePolicy(t, broken, string(api.OutcomeFailure))
	after := s.classify(t, "sp12-after", "critical", staging).Status
	if after.PriorityAssignment.Priority != "P2" || after.PolicyHash != before.PolicyHash {
		t.Errorf("got %s and policies %q, want the last good ones: P2 and %q", after.PriorityAssignment.Priority, after.PolicyHash, before.PolicyHash)
	}
	s.Eventually(t, s.reported)
	s.startBroken(t, good)
}

// startBroken restarts the controller while its policies are broken, and then mends them.
func (s *suite) startBroken(t *testing.T, good string) {
	t.Helper()
	if err := s.DeletePod(t.Context(), s.controller(t)); err != nil {
		t.Fatal(err)
	}
	// Only now: the pod that goes away still has good policies, and would take the signal.
	s.Eventually(t, s.unready)
	waiting := s.signal("sp12-waiting", "critical", api.TargetResource{Kind: "Pod", Name: "gone", Namespace: s.TargetNamespace()})
	s.create(t, waiting)
	// With policies a signal is done within this time many times over; see SP18.
	for range 10 {
		if got := s.get(t, waiting.Name).Status.Phase; got != "" {
			t.Fatalf("without policies a signal is %s, want it untouched", got)
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.setPolicy(t, good)
	s.Eventually(t, func(ctx context.Context) error { return errors.Join(s.touch(ctx), s.ready(ctx)) })
	s.settle(t)
	s.finish(t, waiting)
}

// reported is nil once datastorage has the event of the policy that this run broke. No flow caused it.
func (s *suite) reported(ctx context.Context) error {
	page, err := s.DataStorage.Events(ctx, url.Values{
		"correlation_id": {api.SignalProcessingComponent}, "event_type": {string(api.EventSignalProcessingError)}, "limit": {"1000"},
	})
	if err != nil {
		return err
	}
	for _, event := range page.Data {
		if text := string(event.Data); event.Outcome == api.OutcomeFailure && strings.Contains(text, s.Run) && strings.Contains(text, priorityFile) {
			return nil
		}
	}
	return fmt.Errorf("none of %d error events names %s", len(page.Data), priorityFile)
}

// unready is nil once the one pod lives without being ready, and says that its policies are the reason.
func (s *suite) unready(ctx context.Context) error {
	pods, err := s.Pods(ctx, api.SignalProcessingComponent)
	if err != nil || len(pods) != 1 {
		return fmt.Errorf("got %d pods and error %v, want 1", len(pods), err)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz/caches": http.StatusOK, "/readyz/policies": http.StatusInternalServerError} {
		got, err := s.GetFromPod(ctx, pods[0].Name, api.ProbePort, path)
		if err != nil || got.Status != want {
			return fmt.Errorf("%s answers %d %s and error %v, want %d", path, got.Status, got.Body, err, want)
		}
	}
	return nil
}

func (s *suite) ready(ctx context.Context) error {
	pods, err := s.Pods(ctx, api.SignalProcessingComponent)
	if err != nil || len(pods) != 1 {
		return fmt.Errorf("got %d pods and error %v, want 1", len(pods), err)
	}
	got, err := s.GetFromPod(ctx, pods[0].Name, api.ProbePort, "/readyz")
	if err != nil || got.Status != http.StatusOK {
		return fmt.Errorf("/readyz answers %d %s and error %v, want 200", got.Status, got.Body, err)
	}
	return nil
}

func (s *suite) withoutDataStorage(t *testing.T) {
	before, err := s.Scale(t.Context(), api.DataStorage, 0)
	t.Cleanup(func() { s.restore(t, api.DataStorage, before) })
	if err != nil {
		t.Fatal(err)
	}
	object := s.classify(t, "sp17", "critical", staging)
	s.restore(t, api.DataStorage, before)
	s.wantTrail(t, object)
}

// restart takes the controller away while it works.
func (s *suite) restart(t *testing.T) {
	var objects []*api.SignalProcessing
	for i := range 12 {
		object := s.signal("sp18-"+strconv.Itoa(i), "critical", s.livePod(t))
		s.create(t, object)
		objects = append(objects, object)
		if i == 6 {
			if err := s.DeletePod(t.Context(), s.controller(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.settle(t)
	for _, object := range objects {
		s.wantTrail(t, s.finish(t, object))
	}
}

// policy returns the priority policy, and sees to it that the test's end brings it back.
func (s *suite) policy(t *testing.T) string {
	t.Helper()
	found, err := s.Kube.CoreV1().ConfigMaps(s.Namespace).Get(t.Context(), policyMap, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := found.Data[priorityFile]
	t.Cleanup(func() { s.setPolicy(t, text) })
	return text
}

// setPolicy replaces the priority policy. It works after a test's end, too.
func (s *suite) setPolicy(t *testing.T, text string) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": map[string]string{priorityFile: text}})
	if err != nil {
		t.Fatal(err)
	}
	maps := s.Kube.CoreV1().ConfigMaps(s.Namespace)
	if _, err := maps.Patch(context.WithoutCancel(t.Context()), policyMap, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Errorf("writing the policies: %v", err)
	}
}

// usePolicy replaces the priority policy and waits until the controller has looked at it, with the outcome.
func (s *suite) usePolicy(t *testing.T, text string, outcome string) {
	t.Helper()
	const loads = "kubernaut_signalprocessing_policy_loads_total"
	label := fmt.Sprintf("outcome=%q", outcome)
	before, _ := s.scrape(t).Metric(loads, label)
	s.setPolicy(t, text)
	s.Eventually(t, func(ctx context.Context) error {
		if err := s.touch(ctx); err != nil {
			return err
		}
		if got, _ := s.scrape(t).Metric(loads, label); got <= before {
			return fmt.Errorf("%s{%s} is %v, want more than %v", loads, label, got, before)
		}
		return nil
	})
}

// touch changes the pod's annotations, which makes its kubelet look at the pod's ConfigMaps now rather than in a minute.
func (s *suite) touch(ctx context.Context) error {
	pods, err := s.Pods(ctx, api.SignalProcessingComponent)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"kubernaut.ai/touched-at":%q}}}`, time.Now().Format(time.RFC3339))
		if _, err := s.Kube.CoreV1().Pods(s.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	return nil
}
