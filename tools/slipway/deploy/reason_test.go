package deploy

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func waiting(cause, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "c", Image: "kind.local/gateway@sha256:aa",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: cause, Message: message}},
	}
}

func TestDiagnose(t *testing.T) {
	exit1 := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}
	crashed := waiting("CrashLoopBackOff", "back-off 10s restarting failed container")
	crashed.LastTerminationState.Terminated, crashed.RestartCount = exit1, 1
	type want struct {
		Cause string
		Fate  fate
	}
	for _, tc := range []struct {
		name   string
		status corev1.PodStatus
		want   want
	}{
		{name: "nothing known"},
		{
			name:   "creating",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ContainerCreating", "")}},
			want:   want{Cause: "container c waits: ContainerCreating"},
		},
		{
			name: "init container",
			status: corev1.PodStatus{
				InitContainerStatuses: []corev1.ContainerStatus{{Name: "i", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
				ContainerStatuses:     []corev1.ContainerStatus{waiting("PodInitializing", "")},
			},
			want: want{Cause: "init container i has not ended"},
		},
		{
			name:   "image",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ErrImagePull", "long text")}},
			want:   want{Cause: "ErrImagePull kind.local/gateway@sha256:aa", Fate: stuck},
		},
		{
			name:   "never",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ErrImageNeverPull", "")}},
			want:   want{Cause: "ErrImageNeverPull kind.local/gateway@sha256:aa", Fate: stuck},
		},
		{
			name: "configuration of an init container",
			status: corev1.PodStatus{
				InitContainerStatuses: []corev1.ContainerStatus{waiting("CreateContainerConfigError", `secret "s" not found`)},
				ContainerStatuses:     []corev1.ContainerStatus{waiting("PodInitializing", "")},
			},
			want: want{Cause: `CreateContainerConfigError secret "s" not found`, Fate: stuck},
		},
		{
			name:   "crash loop",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{crashed}},
			want:   want{Cause: "CrashLoopBackOff, container c exited with 1 (Error), 1 restart", Fate: crashing},
		},
		{
			name: "ended",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "c", State: corev1.ContainerState{Terminated: exit1}},
			}},
			want: want{Cause: "container c exited with 1 (Error)"},
		},
		{
			name: "unschedulable",
			status: corev1.PodStatus{Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available"},
			}},
			want: want{Cause: "Unschedulable 0/1 nodes are available"},
		},
		{
			name: "probe",
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "c", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}},
			want: want{Cause: "container c runs but is not ready"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := diagnose(corev1.Pod{Status: tc.status})
			if diff := cmp.Diff(tc.want, want{r.cause, r.fate}); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		})
	}
}

// The pods are those of a real cluster: kubelet's own words.
func TestDiagnoseRecorded(t *testing.T) {
	for name, want := range map[string]struct {
		cause, container string
		fate             fate
		ended            string
	}{
		"crash_loop":    {"CrashLoopBackOff, container gateway exited with 2 (Error), 2 restarts", "gateway", crashing, "2026-11-23T14:36:17Z"},
		"configuration": {`CreateContainerConfigError secret "missing" not found`, "gateway", stuck, ""},
		"ready":         {"", "", hopeful, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := recorded(t, name)
			r := diagnose(pod)
			if r.cause != want.cause || r.container != want.container || r.fate != want.fate {
				t.Errorf("reason: got %q of %q with fate %d, want %+v", r.cause, r.container, r.fate, want)
			}
			ended := ""
			if !r.ended.IsZero() {
				ended = r.ended.UTC().Format(time.RFC3339)
			}
			if ended != want.ended {
				t.Errorf("last crash: got %q, want %q", ended, want.ended)
			}
			if got := waits(pod, r.container); got != (want.container != "") {
				t.Errorf("waits: got %t", got)
			}
		})
	}
}

func recorded(t *testing.T, name string) corev1.Pod {
	t.Helper()
	data, err := os.ReadFile("testdata/pods/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(data, &pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// Two restarts make a crash of an exit, whatever kubelet calls the state in between.
func TestFateOfAContainerThatHasJustExited(t *testing.T) {
	for restarts, want := range map[int32]fate{0: hopeful, 1: hopeful, 2: crashing} {
		s := corev1.ContainerStatus{RestartCount: restarts, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}
		if got := fateOf(s); got != want {
			t.Errorf("%d restarts: got fate %d, want %d", restarts, got, want)
		}
	}
	for cause, want := range map[string]fate{
		"ErrImagePull": stuck, "ImagePullBackOff": stuck, "InvalidImageName": stuck, "ErrImageNeverPull": stuck, "CreateContainerConfigError": stuck,
		"ImageInspectError": lost, "ContainerCreating": hopeful, "PodInitializing": hopeful,
	} {
		if got := fateOf(waiting(cause, "")); got != want {
			t.Errorf("%s: got fate %d, want %d", cause, got, want)
		}
	}
}

func TestLatest(t *testing.T) {
	pod := func(name, label, hash string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: hash}}}
	}
	const deployment, set = "pod-template-hash", "controller-revision-hash"
	for _, tc := range []struct {
		name string
		in   []corev1.Pod
		want []string
	}{
		{name: "none"},
		{name: "deployment", in: []corev1.Pod{pod("c", deployment, "2"), pod("b", deployment, "1"), pod("a", deployment, "2")}, want: []string{"c", "a"}},
		{name: "stateful set", in: []corev1.Pod{pod("b", set, "2"), pod("a", set, "1")}, want: []string{"b"}},
		{name: "job", in: []corev1.Pod{pod("b", "job-name", "j"), pod("a", "job-name", "j")}, want: []string{"b", "a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, pod := range latest(tc.in) {
				got = append(got, pod.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCondition(t *testing.T) {
	content := map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Complete", "status": "True"},
		map[string]any{"type": "Failed", "status": "False", "message": "no"},
		map[string]any{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "serviceaccount \"a\" not found"},
	}}}
	for kind, want := range map[string]string{
		"Complete": "Complete", "Failed": "", "Absent": "", "ReplicaFailure": `ReplicaFailure serviceaccount "a" not found`,
	} {
		if got := condition(content, kind); got != want {
			t.Errorf("condition %s: got %q, want %q", kind, got, want)
		}
	}
	if !jobCompleted(content) || jobCompleted(nil) {
		t.Error("jobCompleted: want true with a true condition Complete, and false without one")
	}
}
