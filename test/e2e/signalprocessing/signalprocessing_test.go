// Package signalprocessing_test says what signalprocessing promises, on a real cluster. The suite plays the orchestrator: it
// creates SignalProcessings itself. How the cluster is reached and changed is in test/e2e/internal.
//
// Each subtest has signals and targets of its own, and most run at the same time. Those that change the policies or take a
// program away come after them, one by one.
package signalprocessing_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

// environmentLabel is what a namespace says about itself.
const environmentLabel = "kubernaut.ai/environment"

func TestSignalProcessing(t *testing.T) {
	s := connect(t)
	t.Run("undisturbed", func(t *testing.T) {
		for _, test := range []struct {
			name string
			run  func(*testing.T)
		}{
			{"SP1_signal_goes_through_every_phase_in_order", s.phases},
			{"SP2_pod_context_and_owner_chain", s.podContext},
			{"SP3_absent_pod_is_degraded_not_failed", s.absentPod},
			{"SP4_namespace_label_gives_the_environment", s.labelledEnvironment},
			{"SP5_environment_is_unknown_when_nothing_tells", s.unknownEnvironment},
			{"SP6_priority_table", s.priorities},
			{"SP7_budget_and_autoscaler_are_detected", s.budgetAndAutoscaler},
			{"SP8_each_kind_fills_its_block", s.kinds},
			{"SP9_custom_labels", s.customLabels},
			{"SP10_severity_is_normalised", s.severities},
			{"SP13_each_transition_has_one_event", s.auditTrail},
			{"SP14_finished_signal_is_left_alone", s.finished},
			{"SP15_schema_guards_signals", s.schema},
			{"SP16_metrics", s.metrics},
			{"SP19_tools_and_isolation_are_detected", s.tools},
			{"SP20_account_has_no_more_rights_than_it_needs", s.rights},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t)
			})
		}
	})
	t.Run("SP11_changed_policy_rules_the_next_signal", s.changedPolicy)
	t.Run("SP12_broken_policy_leaves_the_last_good_one", s.brokenPolicy)
	t.Run("SP17_datastorage_may_be_away", s.withoutDataStorage)
	t.Run("SP18_restart_loses_nothing_and_repeats_nothing", s.restart)
}

func (s *suite) phases(t *testing.T) {
	object := s.signal("sp1", "critical", s.livePod(t))
	watch, err := s.Client.Watch(t.Context(), &api.SignalProcessingList{}, client.InNamespace(s.Namespace), client.MatchingFields{"metadata.name": object.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	s.create(t, object)
	var seen []api.SignalProcessingPhase
	for event := range watch.ResultChan() {
		current, ok := event.Object.(*api.SignalProcessing)
		if !ok {
			t.Fatalf("watching: %v", event.Object)
		}
		if phase := current.Status.Phase; phase != "" && (len(seen) == 0 || seen[len(seen)-1] != phase) {
			seen = append(seen, phase)
		}
		if current.Status.Phase.Terminal() {
			break
		}
	}
	want := []api.SignalProcessingPhase{
		api.SignalProcessingPending, api.SignalProcessingEnriching, api.SignalProcessingClassifying, api.SignalProcessingCategorizing,
		api.SignalProcessingCompleted,
	}
	if diff := contrast.Diff(want, seen); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	got := s.finish(t, object).Status
	if got.StartTime == nil || got.CompletionTime == nil || got.CompletionTime.Before(got.StartTime) {
		t.Errorf("got start %v and completion %v, want both in order", got.StartTime, got.CompletionTime)
	}
}

func (s *suite) podContext(t *testing.T) {
	target := s.livePod(t)
	live := s.pod(t, target.Name)
	got := s.process(t, "sp2", "critical", target).Status.KubernetesContext
	want := &api.PodContext{
		Name: live.Name, Phase: "Running", NodeName: live.Spec.NodeName, Labels: live.Labels,
		Containers: []api.ContainerState{{Name: api.DataStorage, Image: live.Spec.Containers[0].Image, Ready: true, State: "Running"}},
	}
	if got.Pod != nil { // a restart on a loaded machine is no concern of this test
		want.RestartCount, want.Containers[0].RestartCount = got.Pod.RestartCount, got.Pod.RestartCount
		want.Containers[0].Reason = got.Pod.Containers[0].Reason
	}
	if diff := contrast.Diff(want, got.Pod); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
	owners := []api.OwnerReference{
		{Kind: "ReplicaSet", Name: live.OwnerReferences[0].Name, Namespace: s.Namespace},
		{Kind: "Deployment", Name: api.DataStorage, Namespace: s.Namespace},
	}
	if diff := contrast.Diff(owners, got.OwnerChain); diff != "" {
		t.Errorf("owner chain (-want +got):\n%s", diff)
	}
	if got.Node == nil || got.Node.Name != live.Spec.NodeName || !got.Node.Ready || got.Deployment == nil || got.DegradedMode {
		t.Errorf("got node %+v, deployment %+v, degraded mode %t; want the pod's node, ready, the pod's deployment, and false", got.Node, got.Deployment, got.DegradedMode)
	}
}

func (s *suite) absentPod(t *testing.T) {
	namespace := s.namespace(t, "sp3", nil)
	got := s.process(t, "sp3", "critical", api.TargetResource{Kind: "Pod", Name: "gone", Namespace: namespace}).Status
	if !got.KubernetesContext.DegradedMode || got.KubernetesContext.Pod != nil || got.Severity != "critical" {
		t.Errorf("got context %+v and severity %q, want degraded mode, no pod, and a classification all the same", got.KubernetesContext, got.Severity)
	}
	condition := meta.FindStatusCondition(got.Conditions, "EnrichmentComplete")
	if condition == nil || condition.Reason != "TargetAbsent" || !strings.Contains(condition.Message, namespace+"/gone") {
		t.Errorf("condition: got %+v, want TargetAbsent with the pod's name", condition)
	}
}

func (s *suite) labelledEnvironment(t *testing.T) {
	got := s.classify(t, "sp4", "critical", map[string]string{environmentLabel: "production"}).Status
	s.wantEnvironment(t, got, "production", "namespace-labels")
	if detected := got.KubernetesContext.DetectedLabels; detected == nil || !detected.IsProduction {
		t.Errorf("detected labels: got %+v, want production", detected)
	}
}

func (s *suite) unknownEnvironment(t *testing.T) {
	s.wantEnvironment(t, s.classify(t, "sp5", "critical", nil).Status, "unknown", "default")
}

func (s *suite) priorities(t *testing.T) {
	for name, row := range map[string]struct{ environment, severity, want string }{
		"row1": {"production", "critical", "P0"},
		"row2": {"production", "warning", "P1"},
		"row3": {"staging", "critical", "P2"},
		"row4": {"development", "critical", "P3"},
	} {
		got := s.classify(t, "sp6-"+name, row.severity, map[string]string{environmentLabel: row.environment}).Status.PriorityAssignment
		if got.Priority != row.want || got.Source != "policy" || got.PolicyName == "" {
			t.Errorf("%s and %s: got %+v, want %s by a named rule", row.environment, row.severity, got, row.want)
		}
	}
}

func (s *suite) budgetAndAutoscaler(t *testing.T) {
	namespace := s.namespace(t, "sp7", nil)
	s.make(t, deployment(namespace, "guarded"), budget(namespace, "guarded"), autoscaler(namespace, "guarded"), deployment(namespace, "bare"))
	for name, want := range map[string]api.DetectedLabels{"guarded": {HasPDB: true, HasHPA: true}, "bare": {}} {
		got := s.process(t, "sp7-"+name, "critical", api.TargetResource{Kind: "Deployment", Name: name, Namespace: namespace}).Status
		if diff := contrast.Diff(&want, got.KubernetesContext.DetectedLabels); diff != "" {
			t.Errorf("detected labels of %s (-want +got):\n%s", name, diff)
		}
	}
}

func (s *suite) kinds(t *testing.T) {
	namespace := s.namespace(t, "sp8", nil)
	s.make(t, workloads(namespace)...)
	node := s.pod(t, s.livePod(t).Name).Spec.NodeName
	for kind, target := range map[string]api.TargetResource{
		"Deployment":  {Kind: "Deployment", Name: "deployment", Namespace: namespace},
		"StatefulSet": {Kind: "StatefulSet", Name: "statefulset", Namespace: namespace},
		"DaemonSet":   {Kind: "DaemonSet", Name: "daemonset", Namespace: namespace},
		"ReplicaSet":  {Kind: "ReplicaSet", Name: "replicaset", Namespace: namespace},
		"Service":     {Kind: "Service", Name: "service", Namespace: namespace},
		"Node":        {Kind: "Node", Name: node},
	} {
		got := s.process(t, "sp8-"+strings.ToLower(kind), "critical", target).Status.KubernetesContext
		if diff := contrast.Diff(map[string]string{kind: target.Name}, blocks(got)); diff != "" || got.DegradedMode {
			t.Errorf("target %s: degraded mode %t, names by block (-want +got):\n%s", kind, got.DegradedMode, diff)
		}
	}
}

func (s *suite) customLabels(t *testing.T) {
	got := s.classify(t, "sp9", "critical", map[string]string{"custom.kubernaut.ai/team": "checkout", "team": "other"}).Status
	if diff := contrast.Diff(map[string]string{"team": "checkout"}, got.KubernetesContext.CustomLabels); diff != "" {
		t.Errorf("custom labels (-want +got):\n%s", diff)
	}
}

func (s *suite) severities(t *testing.T) {
	for word, want := range map[string]string{"warning": "medium", "page": "critical", "info": "low", "nonsense": "unknown"} {
		target := api.TargetResource{Kind: "Pod", Name: "gone", Namespace: s.TargetNamespace()}
		if got := s.process(t, "sp10-"+word, word, target).Status.Severity; got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func (s *suite) auditTrail(t *testing.T) {
	object := s.process(t, "sp13", "critical", s.livePod(t))
	s.wantTrail(t, object)
	events, err := s.Flow(t.Context(), flow(object))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		if event.Category != api.CategorySignalProcessing || event.ActorID != api.SignalProcessingComponent || event.ResourceID != object.Name {
			t.Errorf("event %+v, want category, actor and resource of this signal", event)
		}
	}
}

// finished changes the status of a finished signal. By the time that a later signal is done, the controller has had the
// change before its eyes.
func (s *suite) finished(t *testing.T) {
	object := s.process(t, "sp14", "critical", s.livePod(t))
	s.wantTrail(t, object)
	object.Status.Error = "written by another"
	if err := s.Client.Status().Update(t.Context(), &object); err != nil {
		t.Fatal(err)
	}
	s.wantTrail(t, s.process(t, "sp14-later", "critical", s.livePod(t)))
	if got := s.get(t, object.Name); got.ResourceVersion != object.ResourceVersion || got.Status.Error != object.Status.Error {
		t.Errorf("got version %s and error %q, want it as it was left: %s and %q", got.ResourceVersion, got.Status.Error, object.ResourceVersion, object.Status.Error)
	}
	s.wantTrail(t, object)
}

func (s *suite) wantEnvironment(t *testing.T, got api.SignalProcessingStatus, environment, source string) {
	t.Helper()
	if found := got.EnvironmentClassification; found == nil || found.Environment != environment || found.Source != source || found.ClassifiedAt.IsZero() {
		t.Errorf("environment: got %+v, want %s by %s", found, environment, source)
	}
}
