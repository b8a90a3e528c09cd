package workflowexecution_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
)

// The controller's times in this suite.
const (
	cooldown    = 3 * time.Second
	maxFailures = 2
)

func flags() []string {
	return []string{
		"--cooldown=" + cooldown.String(), "--image-pull-grace=2s", "--backoff-base=1s", "--backoff-max=2s",
		fmt.Sprintf("--max-consecutive-failures=%d", maxFailures),
	}
}

// suite is what the subtests share.
type suite struct {
	*session.Session
	workflows string // the namespace of the Jobs
	image     string // the workflow image as it was delivered, without its digest
	digest    string // its digest
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "workflowexecution")}
	session.Finally(t, func(ctx context.Context) error {
		return client.IgnoreNotFound(s.Kube.CoreV1().Namespaces().Delete(ctx, s.TargetNamespace(), metav1.DeleteOptions{}))
	})
	session.Finally(t, s.removeExecutions)
	s.findWorkflows(t)
	restore, err := s.SetFlags(t.Context(), api.WorkflowExecutionComponent, flags()...)
	if err != nil {
		t.Fatal(err)
	}
	session.Finally(t, restore)
	return s
}

// findWorkflows asks the deployed controller where it runs Jobs, and the platform what their image is called.
func (s *suite) findWorkflows(t *testing.T) {
	t.Helper()
	deployment, err := s.Kube.AppsV1().Deployments(s.Namespace).Get(t.Context(), api.WorkflowExecutionComponent, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range deployment.Spec.Template.Spec.Containers[0].Env {
		if variable.Name == "WORKFLOW_NAMESPACE" {
			s.workflows = variable.Value
		}
	}
	if s.image, s.digest, err = s.WorkflowImage(t.Context(), s.workflows); err != nil {
		t.Fatal(err)
	}
}

// removeExecutions waits until the finalizer has let them go, so that no Job of the run is left.
func (s *suite) removeExecutions(ctx context.Context) error {
	return platform.Eventually(ctx, func(ctx context.Context) error {
		var list api.WorkflowExecutionList
		if err := s.Client.List(ctx, &list, client.InNamespace(s.Namespace)); err != nil {
			return err
		}
		var errs []error
		for _, execution := range list.Items {
			if strings.HasPrefix(execution.Name, s.prefix()) {
				errs = append(errs, fmt.Errorf("execution %s is still there", execution.Name), client.IgnoreNotFound(s.Client.Delete(ctx, &execution)))
			}
		}
		return errors.Join(errs...)
	})
}

func (s *suite) prefix() string { return "e2e-" + s.Run + "-" }

// parameters of the workflow image.
type parameters = map[string]api.ParameterValue

// execution returns one that no other run has. Executions of one test share their target.
func (s *suite) execution(test, suffix string, parameters parameters) *api.WorkflowExecution {
	return &api.WorkflowExecution{
		ObjectMeta: metav1.ObjectMeta{Name: s.prefix() + test + suffix, Namespace: s.Namespace},
		Spec: api.WorkflowExecutionSpec{
			RemediationRequestRef: api.ObjectReference{Name: "rr-" + s.Run + "-" + test + suffix},
			WorkflowRef: api.WorkflowRef{
				WorkflowID: records.WorkflowID("generic-restart-v1", "staging"), Version: "1.0.0", ContainerImage: s.image, ContainerDigest: s.digest,
			},
			TargetResource: s.TargetNamespace() + "/Deployment/" + test,
			Parameters:     parameters,
		},
	}
}

func (s *suite) create(t *testing.T, execution *api.WorkflowExecution) *api.WorkflowExecution {
	t.Helper()
	if err := s.Client.Create(t.Context(), execution); err != nil {
		t.Fatal(err)
	}
	return execution
}

// await waits until the execution is in a phase and returns its status. A final phase that is another one ends the wait.
func (s *suite) await(t *testing.T, execution *api.WorkflowExecution, phase api.WorkflowExecutionPhase) api.WorkflowExecutionStatus {
	t.Helper()
	var got api.WorkflowExecution
	s.Eventually(t, func(ctx context.Context) error {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(execution), &got); err != nil {
			return err
		}
		if got.Status.Phase != phase && !got.Status.Phase.Terminal() {
			return fmt.Errorf("%s is %q, want %q: %+v", got.Name, got.Status.Phase, phase, got.Status)
		}
		return nil
	})
	if got.Status.Phase != phase {
		t.Fatalf("%s is %q, want %q: %s %+v", got.Name, got.Status.Phase, phase, got.Status.FailureReason, got.Status.FailureDetails)
	}
	return got.Status
}

// awaitFailure waits for a failure with a reason.
func (s *suite) awaitFailure(t *testing.T, execution *api.WorkflowExecution, reason api.FailureReason, touched bool) api.WorkflowExecutionStatus {
	t.Helper()
	status := s.await(t, execution, api.WorkflowExecutionFailed)
	details := status.FailureDetails
	if details == nil || status.FailureReason != reason || details.Reason != reason || details.WasExecutionFailure != touched {
		t.Fatalf("failure: got %q, details %+v; want %q and wasExecutionFailure %t", status.FailureReason, details, reason, touched)
	}
	if !strings.Contains(details.NaturalLanguageSummary, execution.Spec.TargetResource) || !strings.HasSuffix(details.NaturalLanguageSummary, ".") {
		t.Errorf("summary %q: want a sentence about the target", details.NaturalLanguageSummary)
	}
	return status
}

// jobName is written out here, because other programs that look for a target's Job have the formula, too.
func jobName(target string) string {
	sum := sha256.Sum256([]byte(target))
	return "wfe-" + hex.EncodeToString(sum[:8])
}

// job returns the Job of the execution's target, nil when there is none.
func (s *suite) job(ctx context.Context, execution *api.WorkflowExecution) (*batchv1.Job, error) {
	job, err := s.Kube.BatchV1().Jobs(s.workflows).Get(ctx, jobName(execution.Spec.TargetResource), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return job, err
}

// wantJob returns the Job that exists now.
func (s *suite) wantJob(t *testing.T, execution *api.WorkflowExecution) *batchv1.Job {
	t.Helper()
	job, err := s.job(t.Context(), execution)
	if err != nil || job == nil {
		t.Fatalf("Job of %s: got %v, error %v", execution.Spec.TargetResource, job, err)
	}
	return job
}

func (s *suite) awaitNoJob(t *testing.T, execution *api.WorkflowExecution) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		job, err := s.job(ctx, execution)
		if err == nil && job != nil {
			err = fmt.Errorf("job %s is still there", job.Name)
		}
		return err
	})
}

// wantEvents waits until datastorage has exactly these events of the execution's flow, and checks what all have in common.
func (s *suite) wantEvents(t *testing.T, execution *api.WorkflowExecution, want map[string]int) {
	t.Helper()
	events := s.WantTitles(t, execution.Spec.RemediationRequestRef.Name, want, func(event api.AuditEvent) string {
		return string(event.Type) + " " + string(event.Outcome)
	})
	for _, event := range events {
		if event.Category != api.CategoryWorkflowExecution || event.ResourceID != execution.Name || event.Namespace != s.Namespace {
			t.Errorf("event %+v: want category, resource and namespace of %s", event, execution.Name)
		}
	}
}

// wantKubernetesEvents waits until the execution has exactly these Kubernetes events.
func (s *suite) wantKubernetesEvents(t *testing.T, execution *api.WorkflowExecution, want map[string]int) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		list, err := s.Kube.EventsV1().Events(s.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "regarding.name=" + execution.Name})
		if err != nil {
			return err
		}
		got := map[string]int{}
		for _, event := range list.Items {
			got[event.Type+" "+event.Reason]++
		}
		if diff := contrast.Diff(want, got); diff != "" {
			return fmt.Errorf("Kubernetes events of %s (-want +got):\n%s", execution.Name, diff)
		}
		return nil
	})
}
