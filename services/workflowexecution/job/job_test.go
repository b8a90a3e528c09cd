package job_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
)

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func template() job.Template {
	return job.Template{Namespace: "workflows", ServiceAccount: "runner", Timeout: time.Minute, MemoryLimit: resource.MustParse("256Mi")}
}

func execution(edit func(*v1alpha1.WorkflowExecutionSpec)) *v1alpha1.WorkflowExecution {
	e := &v1alpha1.WorkflowExecution{
		ObjectMeta: metav1.ObjectMeta{Name: "we-1", Namespace: "system", UID: "u"},
		Spec: v1alpha1.WorkflowExecutionSpec{
			WorkflowRef:    v1alpha1.WorkflowRef{WorkflowID: "id", Version: "1", ContainerImage: "host/image", ContainerDigest: digest},
			TargetResource: "shop/Deployment/web",
			Parameters:     map[string]v1alpha1.ParameterValue{"B": "2", "A": "$(HOME) $5"},
		},
	}
	if edit != nil {
		edit(&e.Spec)
	}
	return e
}

func jobOf(t *testing.T, edit func(*v1alpha1.WorkflowExecutionSpec)) *batchv1.Job {
	t.Helper()
	made, err := template().Job(execution(edit))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestJob(t *testing.T) {
	made := jobOf(t, nil)
	pod := made.Spec.Template.Spec
	container := pod.Containers[0]
	labels := map[string]string{
		"kubernaut.ai/workflow-execution": "we-1", "kubernaut.ai/workflow-id": "id", "kubernaut.ai/target-resource": "shop_Deployment_web",
		"kubernaut.ai/source-namespace": "system", "kubernaut.ai/execution-engine": "job",
	}
	annotations := map[string]string{
		"kubernaut.ai/workflow-execution": "we-1", "kubernaut.ai/target-resource": "shop/Deployment/web", "kubernaut.ai/workflow-execution-uid": "u",
	}
	got := map[string]any{
		"name": made.Name, "namespace": made.Namespace, "labels": made.Labels, "annotations": made.Annotations,
		"pod labels": made.Spec.Template.Labels, "pod annotations": made.Spec.Template.Annotations,
		"backoff": *made.Spec.BackoffLimit, "ttl": *made.Spec.TTLSecondsAfterFinished, "deadline": *made.Spec.ActiveDeadlineSeconds,
		"restart": pod.RestartPolicy, "account": pod.ServiceAccountName, "containers": len(pod.Containers),
		"container": container.Name, "image": container.Image, "env": container.Env, "memory": container.Resources.Limits.Memory().String(),
		"requested": container.Resources.Requests.Memory().String(),
	}
	want := map[string]any{
		// The first digits of: printf shop/Deployment/web | sha256sum
		"name": "wfe-84b75d055c99349c", "namespace": "workflows", "labels": labels, "annotations": annotations,
		"pod labels": labels, "pod annotations": annotations,
		"backoff": int32(0), "ttl": int32(600), "deadline": int64(60),
		"restart": corev1.RestartPolicyNever, "account": "runner", "containers": 1,
		"container": "workflow", "image": "host/image@" + digest, "memory": "256Mi", "requested": "32Mi",
		"env": []corev1.EnvVar{{Name: "TARGET_RESOURCE", Value: "shop/Deployment/web"}, {Name: "A", Value: "$$(HOME) $$5"}, {Name: "B", Value: "2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Job (-want +got):\n%s", diff)
	}
}

func TestPodIsConfined(t *testing.T) {
	pod := jobOf(t, nil).Spec.Template.Spec
	container := pod.Containers[0]
	got := []any{
		*pod.SecurityContext.RunAsNonRoot, *pod.SecurityContext.RunAsUser, pod.SecurityContext.SeccompProfile.Type, *pod.EnableServiceLinks,
		*container.SecurityContext.AllowPrivilegeEscalation, *container.SecurityContext.ReadOnlyRootFilesystem, container.SecurityContext.Capabilities.Drop,
	}
	want := []any{true, int64(65532), corev1.SeccompProfileTypeRuntimeDefault, false, false, true, []corev1.Capability{"ALL"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("security (-want +got):\n%s", diff)
	}
}

func TestExecutionConfig(t *testing.T) {
	made := jobOf(t, func(spec *v1alpha1.WorkflowExecutionSpec) {
		spec.ExecutionConfig = &v1alpha1.ExecutionConfig{
			Timeout: &metav1.Duration{Duration: 1500 * time.Millisecond}, ServiceAccountName: "other", MemoryLimit: "16Mi",
		}
	})
	container := made.Spec.Template.Spec.Containers[0]
	got := []any{
		*made.Spec.ActiveDeadlineSeconds, made.Spec.Template.Spec.ServiceAccountName,
		container.Resources.Limits.Memory().String(), container.Resources.Requests.Memory().String(),
	}
	if diff := cmp.Diff([]any{int64(2), "other", "16Mi", "16Mi"}, got); diff != "" {
		t.Errorf("deadline, account, memory (-want +got):\n%s", diff)
	}
}

func TestImage(t *testing.T) {
	for name, test := range map[string]struct{ image, digest, want string }{
		"digest apart":   {"host/image", digest, "host/image@" + digest},
		"tag and digest": {"host/image:1", digest, "host/image:1@" + digest},
		"digest inside":  {"host/image@" + digest, "", "host/image@" + digest},
		"digest twice":   {"host/image@" + digest, digest, "host/image@" + digest},
		"tag":            {"host/image:1", "", "host/image:1"},
	} {
		t.Run(name, func(t *testing.T) {
			made := jobOf(t, func(spec *v1alpha1.WorkflowExecutionSpec) {
				spec.WorkflowRef.ContainerImage, spec.WorkflowRef.ContainerDigest = test.image, test.digest
			})
			if got := made.Spec.Template.Spec.Containers[0].Image; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestConfigurationErrors(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*v1alpha1.WorkflowExecutionSpec)
		want string
	}{
		"parameter": {func(spec *v1alpha1.WorkflowExecutionSpec) {
			spec.Parameters = map[string]v1alpha1.ParameterValue{"a b": "", "1": ""}
		},
			"parameter \"1\" cannot be the name of an environment variable\nparameter \"a b\" cannot be the name of an environment variable"},
		"reserved": {func(spec *v1alpha1.WorkflowExecutionSpec) {
			spec.Parameters = map[string]v1alpha1.ParameterValue{"KUBERNETES_SERVICE_HOST": "", "TARGET_RESOURCE": ""}
		}, "parameter \"KUBERNETES_SERVICE_HOST\" is reserved\nparameter \"TARGET_RESOURCE\" is reserved"},
		"digests": {func(spec *v1alpha1.WorkflowExecutionSpec) { spec.WorkflowRef.ContainerImage = "host/image@sha256:b" },
			`image "host/image@sha256:b" has another digest than ` + digest},
		"timeout": {func(spec *v1alpha1.WorkflowExecutionSpec) {
			spec.ExecutionConfig = &v1alpha1.ExecutionConfig{Timeout: &metav1.Duration{Duration: -time.Second}}
		}, "timeout must be more than nothing, got -1s"},
		"memory": {func(spec *v1alpha1.WorkflowExecutionSpec) {
			spec.ExecutionConfig = &v1alpha1.ExecutionConfig{MemoryLimit: "much"}
		}, `memory limit "much": ` + resource.ErrFormatWrong.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := template().Job(execution(test.edit))
			if err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}

func TestLabelValue(t *testing.T) {
	long := strings.Repeat("x", 60) + "/Deployment/web"
	for text, want := range map[string]string{
		"shop/Deployment/web":               "shop_Deployment_web",
		"ClusterRole/system:node":           "ClusterRole_system_node",
		"-ends-":                            "ends",
		"":                                  "",
		long:                                strings.Repeat("x", 46) + "-" + job.Name(long)[len("wfe-"):],
		strings.Repeat("ü", 63):             "",
		"a77dd1d4-a5f0-527b-b39a-afb796371": "a77dd1d4-a5f0-527b-b39a-afb796371",
	} {
		if got := job.LabelValue(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzLabelValue(f *testing.F) {
	for _, seed := range []string{"shop/Deployment/web", "", "..", strings.Repeat("a/", 300), "ü\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if faults := validation.IsValidLabelValue(job.LabelValue(text)); len(faults) > 0 {
			t.Errorf("%q: %q is no label value: %v", text, job.LabelValue(text), faults)
		}
	})
}
