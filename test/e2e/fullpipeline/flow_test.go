package fullpipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// flow is what becomes of one alert.
type flow struct {
	*suite
	alert       alerts.Alert
	environment string                        // of the alert's namespace
	pullSecrets []corev1.LocalObjectReference // of the workload
	name        string                        // of the RemediationRequest, once there is one
	expected    table                         // what the trail was found to hold
}

// flow returns one about a workload in a namespace of its own.
func (s *suite) flow(variant, environment string) *flow {
	return &flow{suite: s, environment: environment, alert: alerts.Alert{
		Name: "OOMKilled", Namespace: s.TargetNamespace() + "-" + variant, Deployment: workload, Severity: "critical",
		Summary: "the container was killed for want of memory",
	}}
}

func (f *flow) post(t *testing.T) (wire.Response, alerts.Answer) {
	t.Helper()
	response, answer, err := alerts.Post(t.Context(), f.gateway, alerts.PrometheusPath, f.alert.Webhook())
	if err != nil {
		t.Fatal(err)
	}
	return response, answer
}

// await waits for a phase of the request; another final one ends the test.
func (f *flow) await(t *testing.T, phase api.Phase) api.RemediationRequest {
	t.Helper()
	request, err := f.Await(t.Context(), f.name, phase)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func (f *flow) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: f.Namespace, Name: name}
}

func (f *flow) get(t *testing.T, name string, into client.Object) {
	t.Helper()
	if err := f.Client.Get(t.Context(), f.key(name), into); err != nil {
		t.Fatal(err)
	}
}

// steps returns the objects of a flow whose workflow has run, in the order in which they must appear.
func (f *flow) steps(t *testing.T) (metas []metav1.ObjectMeta) {
	t.Helper()
	var processed api.SignalProcessing
	var analysis api.AIAnalysis
	var execution api.WorkflowExecution
	var message api.NotificationRequest
	f.get(t, api.SignalProcessingName(f.name), &processed)
	f.get(t, api.AIAnalysisName(f.name), &analysis)
	f.get(t, api.WorkflowExecutionName(f.name), &execution)
	f.get(t, api.CompletionNotificationName(f.name), &message)
	return []metav1.ObjectMeta{processed.ObjectMeta, analysis.ObjectMeta, execution.ObjectMeta, message.ObjectMeta}
}

func (f *flow) wantAbsent(t *testing.T, name string, of client.Object) {
	t.Helper()
	if err := f.absent(t.Context(), map[string]client.Object{name: of}); err != nil {
		t.Error(err)
	}
}

// absent returns an error for each object that is there.
func (f *flow) absent(ctx context.Context, objects map[string]client.Object) error {
	var errs []error
	for name, object := range objects {
		switch err := f.Client.Get(ctx, f.key(name), object); {
		case err == nil:
			errs = append(errs, fmt.Errorf("%s is there", name))
		case !apierrors.IsNotFound(err):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *flow) wantOneRequest(t *testing.T, occurrences int32) {
	t.Helper()
	got, err := f.Requests(t.Context(), f.alert.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Status.Deduplication == nil || got[0].Status.Deduplication.OccurrenceCount != occurrences {
		t.Errorf("got %d requests of the alert, %+v; want one with %d occurrences", len(got), got, occurrences)
	}
}

// job returns the Job of the flow's execution.
func (f *flow) job(t *testing.T) *batchv1.Job {
	t.Helper()
	var execution api.WorkflowExecution
	f.get(t, api.WorkflowExecutionName(f.name), &execution)
	job, err := f.Kube.BatchV1().Jobs(f.workflows).Get(t.Context(), execution.Status.ExecutionRef.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (f *flow) jobAbsent(ctx context.Context, job *batchv1.Job) error {
	_, err := f.Kube.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if err == nil {
		return fmt.Errorf("job %s is there", job.Name)
	}
	return client.IgnoreNotFound(err)
}

// trail returns the flow's events in the order of their times.
func (f *flow) trail(ctx context.Context) ([]api.AuditEvent, error) {
	return f.Flow(ctx, f.name)
}

func (f *flow) compareTrail(ctx context.Context, want table) error {
	trail, err := f.trail(ctx)
	if err != nil {
		return err
	}
	return want.compare(trail)
}

// wantTrail waits until the trail is as expected: controllers deliver events some seconds after what they tell of.
func (f *flow) wantTrail(t *testing.T, want table) {
	t.Helper()
	f.Eventually(t, func(ctx context.Context) error { return f.compareTrail(ctx, want) })
	f.expected = want
}

func (f *flow) comparePhases(ctx context.Context, want []api.Phase) error {
	trail, err := f.trail(ctx)
	if err != nil {
		return err
	}
	got, err := phases(trail)
	if diff := contrast.Diff(want, got); err == nil && diff != "" {
		err = fmt.Errorf("phases of %s (-want +got):\n%s", f.name, diff)
	}
	return err
}

// wantDelivered waits until a message is sent, and looks where it should have arrived.
func (f *flow) wantDelivered(t *testing.T, name string) {
	t.Helper()
	var message api.NotificationRequest
	f.Eventually(t, func(ctx context.Context) error {
		if err := f.Client.Get(ctx, f.key(name), &message); err != nil {
			return err
		}
		if message.Status.Phase.Terminal() {
			return nil
		}
		return fmt.Errorf("%s is %q", name, message.Status.Phase)
	})
	var attempts []string
	for _, attempt := range message.Status.DeliveryAttempts {
		attempts = append(attempts, string(attempt.Channel)+" "+attempt.Status)
	}
	slices.Sort(attempts)
	if diff := contrast.Diff([]string{"console success", "file success", "slack success"}, attempts); diff != "" || message.Status.Phase != api.NotificationSent {
		t.Errorf("%s is %q; attempts (-want +got):\n%s", name, message.Status.Phase, diff)
	}
	f.wantFile(t, &message)
	f.wantPosted(t, &message)
}

func (f *flow) wantFile(t *testing.T, message *api.NotificationRequest) {
	t.Helper()
	response, err := posts.ReadFiles(t.Context(), f.Platform, posts.FileName(message))
	if err != nil {
		t.Fatal(err)
	}
	type file struct{ Name, Subject, Body, RemediationRequest string }
	var got file
	if err := response.JSON(&got); err != nil {
		t.Fatal(err)
	}
	if diff := contrast.Diff(file{message.Name, message.Spec.Subject, message.Spec.Body, f.name}, got); diff != "" {
		t.Errorf("file of %s (-want +got):\n%s", message.Name, diff)
	}
}

// wantPosted looks for the message among those of all flows.
func (f *flow) wantPosted(t *testing.T, message *api.NotificationRequest) {
	t.Helper()
	all, err := f.receiver.To(t.Context(), f.slackPath())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, post := range all {
		var payload struct{ Text string }
		if err := json.Unmarshal([]byte(post.Body), &payload); err != nil {
			t.Errorf("decoding %q: %v", post.Body, err)
		}
		if payload.Text == message.Spec.Subject && strings.Contains(post.Body, f.name) {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the receiver got %q about %s %d times, want once; it got %d posts of this run", message.Spec.Subject, f.name, found, len(all))
	}
}
