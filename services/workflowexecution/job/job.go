// Package job writes the Kubernetes Job that runs a workflow.
//
// A Job's name follows from the target alone. That makes the name a lock that the API server itself guards: as long as a
// target's Job exists, no second one can be created, whichever execution asks.
//
// What runs in the Job is not trusted with more than it needs: it is a non-root user without privileges on a read-only
// file system with a scratch folder at /tmp, and its account is that of the workflows, never the controller's. Parameters
// come from a language model in the end. So they become plain environment variables and nothing else: "$" is doubled,
// because Kubernetes would replace $(NAME), and names that say where the Kubernetes API is are refused.
//
// The package is pure: it talks to no cluster.
package job

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

const (
	// Container is the name of the workflow's one container.
	Container = "workflow"
	// TargetVariable holds the target in the container's environment.
	TargetVariable = "TARGET_RESOURCE"
	// KeptSeconds is how long Kubernetes keeps a finished Job that nobody has removed.
	KeptSeconds = 600
	// graceSeconds is how long a workflow may take to stop.
	graceSeconds = 10
	// user is nobody's, as in the platform's own pods: an image's own user may be root or a name, which cannot be checked.
	user = 65532
	// requestedMemory is what a workflow is scheduled by, unless its limit is smaller.
	requestedMemory = "32Mi"
	scratchLimit    = "64Mi"
)

// Template holds what the Jobs of all executions have in common.
type Template struct {
	// Namespace of the Jobs. Required.
	Namespace string
	// ServiceAccount of executions that name none. Required.
	ServiceAccount string
	// Timeout of executions that set none; at least a second.
	Timeout time.Duration
	// MemoryLimit of executions that set none.
	MemoryLimit resource.Quantity
}

// Job returns the execution's Job. The error names everything in the specification that no Job can be made of.
func (t Template) Job(execution *v1alpha1.WorkflowExecution) (*batchv1.Job, error) {
	config := v1alpha1.ExecutionConfig{}
	if execution.Spec.ExecutionConfig != nil {
		config = *execution.Spec.ExecutionConfig
	}
	image, imageErr := reference(execution.Spec.WorkflowRef)
	variables, variablesErr := environment(execution)
	deadline, deadlineErr := t.deadline(config)
	memory, memoryErr := t.memory(config)
	if err := errors.Join(imageErr, variablesErr, deadlineErr, memoryErr); err != nil {
		return nil, err
	}
	account := t.ServiceAccount
	if config.ServiceAccountName != "" {
		account = config.ServiceAccountName
	}
	metadata := metav1.ObjectMeta{Labels: labels(execution), Annotations: annotations(execution)}
	spec := podSpec(account)
	spec.Containers = []corev1.Container{container(image, variables, memory)}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: Name(execution.Spec.TargetResource), Namespace: t.Namespace, Labels: labels(execution), Annotations: annotations(execution),
		},
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32),
			ActiveDeadlineSeconds:   &deadline,
			TTLSecondsAfterFinished: new(int32(KeptSeconds)),
			Template:                corev1.PodTemplateSpec{ObjectMeta: metadata, Spec: spec},
		},
	}, nil
}

func labels(execution *v1alpha1.WorkflowExecution) map[string]string {
	return map[string]string{
		ExecutionLabel:       LabelValue(execution.Name),
		WorkflowIDLabel:      LabelValue(execution.Spec.WorkflowRef.WorkflowID),
		TargetLabel:          LabelValue(execution.Spec.TargetResource),
		SourceNamespaceLabel: LabelValue(execution.Namespace),
		EngineLabel:          string(v1alpha1.JobEngine),
	}
}

func annotations(execution *v1alpha1.WorkflowExecution) map[string]string {
	return map[string]string{
		ExecutionAnnotation: execution.Name,
		TargetAnnotation:    execution.Spec.TargetResource,
		UIDAnnotation:       string(execution.UID),
	}
}

// reference pins the image by the digest, if there is one.
func reference(workflow v1alpha1.WorkflowRef) (string, error) {
	_, pinned, found := strings.Cut(workflow.ContainerImage, "@")
	switch {
	case workflow.ContainerDigest == "" || pinned == workflow.ContainerDigest:
		return workflow.ContainerImage, nil
	case found:
		return "", fmt.Errorf("image %q has another digest than %s", workflow.ContainerImage, workflow.ContainerDigest)
	}
	return workflow.ContainerImage + "@" + workflow.ContainerDigest, nil
}

// environment returns the target and then the parameters, ordered by name.
func environment(execution *v1alpha1.WorkflowExecution) ([]corev1.EnvVar, error) {
	variables := []corev1.EnvVar{{Name: TargetVariable, Value: execution.Spec.TargetResource}}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(execution.Spec.Parameters)) {
		switch {
		case len(validation.IsEnvVarName(name)) > 0:
			errs = append(errs, fmt.Errorf("parameter %q cannot be the name of an environment variable", name))
		case name == TargetVariable || strings.HasPrefix(name, "KUBERNETES_"):
			errs = append(errs, fmt.Errorf("parameter %q is reserved", name))
		}
		value := strings.ReplaceAll(string(execution.Spec.Parameters[name]), "$", "$$")
		variables = append(variables, corev1.EnvVar{Name: name, Value: value})
	}
	return variables, errors.Join(errs...)
}

// deadline is in whole seconds, rounded up.
func (t Template) deadline(config v1alpha1.ExecutionConfig) (int64, error) {
	timeout := t.Timeout
	if config.Timeout != nil {
		timeout = config.Timeout.Duration
	}
	if timeout <= 0 {
		return 0, fmt.Errorf("timeout must be more than nothing, got %s", timeout)
	}
	return int64((timeout + time.Second - 1) / time.Second), nil
}

func (t Template) memory(config v1alpha1.ExecutionConfig) (resource.Quantity, error) {
	if config.MemoryLimit == "" {
		return t.MemoryLimit, nil
	}
	limit, err := resource.ParseQuantity(config.MemoryLimit)
	if err != nil {
		return resource.Quantity{}, fmt.Errorf("memory limit %q: %w", config.MemoryLimit, err)
	}
	return limit, nil
}

func podSpec(account string) corev1.PodSpec {
	scratch := resource.MustParse(scratchLimit)
	return corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            account,
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: new(int64(graceSeconds)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(user)), RunAsGroup: new(int64(user)), FSGroup: new(int64(user)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{{
			Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &scratch}},
		}},
	}
}

func container(image string, variables []corev1.EnvVar, memory resource.Quantity) corev1.Container {
	request := resource.MustParse(requestedMemory)
	if memory.Cmp(request) < 0 {
		request = memory
	}
	return corev1.Container{
		Name:  Container,
		Image: image,
		Env:   variables,
		// The end of a failed workflow's output is the best that is known of the failure.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: request},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: memory},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "scratch", MountPath: "/tmp"}},
	}
}
