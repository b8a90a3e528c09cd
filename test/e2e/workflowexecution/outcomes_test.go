package workflowexecution_test

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

func (s *suite) succeeds(t *testing.T) {
	execution := s.create(t, s.execution("we2", "", parameters{"ACTION": "sleep", "DURATION": "2s"}))
	status := s.await(t, execution, api.WorkflowExecutionCompleted)
	if status.StartTime == nil || status.CompletionTime == nil {
		t.Fatalf("times: got %v and %v", status.StartTime, status.CompletionTime)
	}
	took := status.CompletionTime.Sub(status.StartTime.Time)
	if got, err := time.ParseDuration(status.Duration); err != nil || got != took || took < time.Second {
		t.Errorf("duration: got %q, want the %s between the times, at least 1s", status.Duration, took)
	}
	want := &api.ExecutionStatus{Status: "Completed", CompletedTasks: 1, TotalTasks: 1}
	if diff := contrast.Diff(want, status.ExecutionStatus); diff != "" || status.FailureDetails != nil {
		t.Errorf("failure %+v, execution status (-want +got):\n%s", status.FailureDetails, diff)
	}
}

func (s *suite) exitCode(t *testing.T) {
	execution := s.create(t, s.execution("we5", "", parameters{"ACTION": "fail"}))
	details := s.awaitFailure(t, execution, api.FailureTaskFailed, true).FailureDetails
	if details.ExitCode == nil || *details.ExitCode != 1 {
		t.Errorf("exit code: got %v, want 1", details.ExitCode)
	}
	if !strings.Contains(details.NaturalLanguageSummary, "exit code 1: remediate: error: asked to fail") {
		t.Errorf("summary %q: want the code and what the workflow has printed", details.NaturalLanguageSummary)
	}
}

func (s *suite) timeout(t *testing.T) {
	execution := s.execution("we6", "", parameters{"ACTION": "sleep", "DURATION": "10m"})
	execution.Spec.ExecutionConfig = &api.ExecutionConfig{Timeout: &metav1.Duration{Duration: 4 * time.Second}}
	s.awaitFailure(t, s.create(t, execution), api.FailureDeadlineExceeded, true)
}

// unpullable asks a host that no resolver knows.
func (s *suite) unpullable(t *testing.T) {
	execution := s.execution("we7", "", nil)
	execution.Spec.WorkflowRef.ContainerImage, execution.Spec.WorkflowRef.ContainerDigest = "invalid.local/none:1", ""
	s.awaitFailure(t, s.create(t, execution), api.FailureImagePullBackOff, false)
	s.awaitNoJob(t, execution)
}

func (s *suite) outOfMemory(t *testing.T) {
	execution := s.execution("we8", "", parameters{"ACTION": "allocate", "MEMORY": "256Mi"})
	execution.Spec.ExecutionConfig = &api.ExecutionConfig{MemoryLimit: "48Mi"}
	details := s.awaitFailure(t, s.create(t, execution), api.FailureOOMKilled, true).FailureDetails
	if details.ExitCode == nil || *details.ExitCode != 137 {
		t.Errorf("exit code: got %v, want 137", details.ExitCode)
	}
}

func (s *suite) deletedJob(t *testing.T) {
	execution := s.create(t, s.execution("we10", "", parameters{"ACTION": "sleep", "DURATION": "10m"}))
	s.await(t, execution, api.WorkflowExecutionRunning)
	background := metav1.DeletePropagationBackground
	err := s.Kube.BatchV1().Jobs(s.workflows).Delete(t.Context(), jobName(execution.Spec.TargetResource), metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil {
		t.Fatal(err)
	}
	status := s.await(t, execution, api.WorkflowExecutionFailed)
	if details := status.FailureDetails; details == nil || !strings.Contains(details.Message, "was deleted") {
		t.Errorf("details %+v: want that the Job was deleted", details)
	}
}

func (s *suite) unknownEngine(t *testing.T) {
	execution := s.execution("we11", "", nil)
	execution.Spec.ExecutionEngine = "ansible"
	if err := s.Client.Create(t.Context(), execution); !apierrors.IsInvalid(err) {
		t.Errorf("got error %v, want that the object is invalid", err)
	}
	var list api.WorkflowExecutionList
	if err := s.Client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for _, stored := range list.Items {
		if stored.Name == execution.Name {
			t.Errorf("execution %s was stored", stored.Name)
		}
	}
}

func (s *suite) badParameter(t *testing.T) {
	execution := s.create(t, s.execution("we17", "", parameters{"no name": "x"}))
	status := s.awaitFailure(t, execution, api.FailureConfigurationError, false)
	if !strings.Contains(status.FailureDetails.Message, `"no name"`) {
		t.Errorf("message %q: want the parameter's name", status.FailureDetails.Message)
	}
	if job, err := s.job(t.Context(), execution); job != nil || err != nil {
		t.Errorf("got Job %v, error %v; want none", job, err)
	}
}

func (s *suite) unknownAccount(t *testing.T) {
	execution := s.execution("we19", "", nil)
	execution.Spec.ExecutionConfig = &api.ExecutionConfig{ServiceAccountName: "nobody"}
	status := s.awaitFailure(t, s.create(t, execution), api.FailureConfigurationError, false)
	if !strings.Contains(status.FailureDetails.Message, "nobody") {
		t.Errorf("message %q: want the account's name", status.FailureDetails.Message)
	}
	s.awaitNoJob(t, execution)
}

// restartsDeployment changes a Deployment without replicas: it is the change that counts.
func (s *suite) restartsDeployment(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.TargetNamespace()}}
	if err := s.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "we16"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "we16", Namespace: namespace.Name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "web", Image: "none",
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}},
			}}}},
		},
	}
	if err := s.Client.Create(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	s.await(t, s.create(t, s.execution("we16", "", parameters{"ACTION": "restart"})), api.WorkflowExecutionCompleted)
	s.await(t, s.create(t, s.execution("we16", "-memory", parameters{"MEMORY_LIMIT": "128Mi"})), api.WorkflowExecutionCompleted)
	got, err := s.Kube.AppsV1().Deployments(namespace.Name).Get(context.WithoutCancel(t.Context()), "we16", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	template := got.Spec.Template
	if _, err := time.Parse(time.RFC3339, template.Annotations["kubectl.kubernetes.io/restartedAt"]); err != nil {
		t.Errorf("annotations %v: want the time of a restart", template.Annotations)
	}
	if limit := template.Spec.Containers[0].Resources.Limits.Memory().String(); limit != "128Mi" {
		t.Errorf("memory limit: got %s, want 128Mi", limit)
	}
}
