package routing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

const (
	namespace = "kubernaut-system"
	target    = "shop/Deployment/web"
	workflow  = "workflow-1"
)

func now() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

func limits() routing.Limits {
	return routing.Limits{ConsecutiveFailures: 3, FailureCooldown: time.Hour, RemediatedCooldown: 5 * time.Minute, BackoffBase: time.Minute, BackoffMax: 3 * time.Minute}
}

// past is another request of the same signal, made and ended some minutes ago; a phase that is not final has no end.
type past struct {
	phase v1alpha1.Phase
	ago   int
}

// run is an execution on a target by another request, completed some minutes ago.
type run struct {
	phase    v1alpha1.WorkflowExecutionPhase
	target   string
	workflow string
	ago      int
}

func TestConditions(t *testing.T) {
	failed, timedOut, completed, cancelled, active := v1alpha1.Failed, v1alpha1.TimedOut, v1alpha1.Completed, v1alpha1.Cancelled, v1alpha1.Analyzing
	done, running := v1alpha1.WorkflowExecutionCompleted, v1alpha1.WorkflowExecutionRunning
	for name, test := range map[string]struct {
		past []past
		runs []run
		// wants are reasons with minutes from now; 0 means no known end.
		beforeWork, beforeExecution string
	}{
		"nothing":                           {nil, nil, "", ""},
		"three failures":                    {[]past{{failed, 30}, {timedOut, 20}, {failed, 10}}, nil, "ConsecutiveFailures 50", "ConsecutiveFailures 50"},
		"three failures long ago":           {[]past{{failed, 90}, {failed, 80}, {failed, 60}}, nil, "", ""},
		"success in between":                {[]past{{failed, 30}, {failed, 20}, {completed, 15}, {failed, 10}}, nil, "", ""},
		"cancelled ones say nothing":        {[]past{{failed, 30}, {failed, 20}, {cancelled, 15}, {failed, 10}}, nil, "ConsecutiveFailures 50", "ConsecutiveFailures 50"},
		"one failure just before":           {[]past{{failed, 0}}, nil, "ExponentialBackoff 1", "ExponentialBackoff 1"},
		"two failures wait longer":          {[]past{{failed, 1}, {failed, 0}}, nil, "ExponentialBackoff 2", "ExponentialBackoff 2"},
		"one failure some time ago":         {[]past{{failed, 1}}, nil, "", ""},
		"older active request":              {[]past{{active, 1}}, nil, "DuplicateInProgress 0", "DuplicateInProgress 0"},
		"younger active request":            {[]past{{active, -1}}, nil, "", ""},
		"failures go before a duplicate":    {[]past{{failed, 3}, {failed, 2}, {failed, 1}, {active, 1}}, nil, "ConsecutiveFailures 59", "ConsecutiveFailures 59"},
		"duplicate goes before back-off":    {[]past{{failed, 0}, {active, 1}}, nil, "DuplicateInProgress 0", "DuplicateInProgress 0"},
		"running execution":                 {nil, []run{{running, target, workflow, 0}}, "", "ResourceBusy 0"},
		"execution that nobody has seen":    {nil, []run{{"", target, workflow, 0}}, "", "ResourceBusy 0"},
		"running on another target":         {nil, []run{{running, "shop/Deployment/api", workflow, 0}}, "", ""},
		"same workflow just before":         {nil, []run{{done, target, workflow, 2}}, "", "RecentlyRemediated 3"},
		"same workflow some time ago":       {nil, []run{{done, target, workflow, 5}}, "", ""},
		"another workflow just before":      {nil, []run{{done, target, "workflow-2", 2}}, "", ""},
		"failed execution just before":      {nil, []run{{v1alpha1.WorkflowExecutionFailed, target, workflow, 2}}, "", ""},
		"busy goes before recent":           {nil, []run{{done, target, workflow, 2}, {running, target, workflow, 0}}, "", "ResourceBusy 0"},
		"recent goes before back-off":       {[]past{{failed, 0}}, []run{{done, target, workflow, 2}}, "ExponentialBackoff 1", "RecentlyRemediated 3"},
		"old and recent success of the two": {nil, []run{{done, target, workflow, 9}, {done, target, workflow, 1}}, "", "RecentlyRemediated 4"},
	} {
		t.Run(name, func(t *testing.T) {
			router, request := build(t, test.past, test.runs)
			block, err := router.BeforeWork(context.Background(), request)
			check(t, "before work", test.beforeWork, block, err)
			block, err = router.BeforeExecution(context.Background(), request, routing.Execution{Target: target, WorkflowID: workflow})
			check(t, "before execution", test.beforeExecution, block, err)
		})
	}
}

func TestBackoffIsCapped(t *testing.T) {
	wide := limits()
	wide.ConsecutiveFailures = 100
	router, request := build(t, []past{{v1alpha1.Failed, 4}, {v1alpha1.Failed, 3}, {v1alpha1.Failed, 2}, {v1alpha1.Failed, 1}}, nil)
	router.Limits = wide
	block, err := router.BeforeWork(context.Background(), request)
	check(t, "before work", "ExponentialBackoff 2", block, err)
}

func TestOwnExecutionDoesNotBlock(t *testing.T) {
	router, request := build(t, nil, []run{{v1alpha1.WorkflowExecutionRunning, target, workflow, 0}})
	request.Name, request.CreationTimestamp = "rr-of-run-0", metav1.NewTime(now().Add(-time.Hour))
	block, err := router.BeforeExecution(context.Background(), request, routing.Execution{Target: target, WorkflowID: workflow})
	check(t, "before execution", "", block, err)
}

func check(t *testing.T, when, want string, block *routing.Block, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	if block != nil {
		minutes := 0
		if !block.Until.IsZero() {
			minutes = int(block.Until.Sub(now()).Minutes())
		}
		got = fmt.Sprintf("%s %d", block.Reason, minutes)
	}
	if got != want {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

func build(t *testing.T, pasts []past, runs []run) (routing.Router, *v1alpha1.RemediationRequest) {
	t.Helper()
	scheme, err := controller.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	request := &v1alpha1.RemediationRequest{ObjectMeta: metav1.ObjectMeta{Name: "rr-now", Namespace: namespace, CreationTimestamp: metav1.NewTime(now())}}
	objects := []client.Object{request}
	for i, p := range pasts {
		objects = append(objects, p.request(fmt.Sprintf("rr-%d", i)))
	}
	for i, r := range runs {
		objects = append(objects, r.execution(fmt.Sprintf("run-%d", i)))
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(request, v1alpha1.FingerprintField, func(o client.Object) []string {
			return []string{o.(*v1alpha1.RemediationRequest).Spec.SignalFingerprint}
		}).
		WithIndex(&v1alpha1.WorkflowExecution{}, v1alpha1.TargetResourceField, func(o client.Object) []string {
			return []string{o.(*v1alpha1.WorkflowExecution).Spec.TargetResource}
		}).Build()
	return routing.Router{Reader: reader, Limits: limits(), Now: now}, request
}

func (p past) request(name string) *v1alpha1.RemediationRequest {
	at := metav1.NewTime(now().Add(-time.Duration(p.ago) * time.Minute))
	made := &v1alpha1.RemediationRequest{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, CreationTimestamp: at}}
	made.Status.OverallPhase = p.phase
	if p.phase.Terminal() {
		made.Status.CompletedAt = &at
	}
	return made
}

func (r run) execution(name string) *v1alpha1.WorkflowExecution {
	at := metav1.NewTime(now().Add(-time.Duration(r.ago) * time.Minute))
	made := &v1alpha1.WorkflowExecution{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	made.Spec.RemediationRequestRef.Name = "rr-of-" + name
	made.Spec.TargetResource, made.Spec.WorkflowRef.WorkflowID = r.target, r.workflow
	made.Status.Phase = r.phase
	if r.phase.Terminal() {
		made.Status.CompletionTime = &at
	}
	return made
}
