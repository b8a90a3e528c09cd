package fullpipeline_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// workflowNamespaceVar names the namespace of the Jobs.
const workflowNamespaceVar = "WORKFLOW_NAMESPACE"

// channels is the number of those that every message goes to in this suite.
const channels = 3

// remedy is the workflow that mock-llm names against OOMKilled.
const remedy = "oomkill-increase-memory-v1"

// suite is what the flows share.
type suite struct {
	*session.Session
	gateway   *wire.Client
	receiver  posts.Receiver
	workflows string // namespace of the Jobs
	image     string // of the workflow, without its digest
	digest    string
	began     time.Time

	mu      sync.Mutex
	started []*flow
	seeded  []string // ids, to be archived at the end
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "fullpipeline", platform.GatewayURL, platform.ReceiverURL, workflowNamespaceVar), began: time.Now()}
	s.gateway, s.receiver = s.Service(platform.GatewayURL), posts.Receiver{Service: s.Service(platform.ReceiverURL)}
	s.workflows = s.URLs[workflowNamespaceVar]
	s.divertMessages(t)
	var err error
	if s.image, s.digest, err = s.WorkflowImage(t.Context(), s.workflows); err != nil {
		t.Fatal(err)
	}
	if err := s.Steady(t.Context(), api.Gateway, s.gateway, "/ready"); err != nil {
		t.Fatal(err)
	}
	session.Finally(t, s.removeFlows)
	s.DumpRequestsFinally(t)
	return s
}

// divertMessages lets messages that name no channel, as the orchestrator's do, go where the suite can read them.
func (s *suite) divertMessages(t *testing.T) {
	t.Helper()
	remove, err := posts.SetSlack(t.Context(), s.Platform, s.slackPath())
	session.Finally(t, remove)
	if err != nil {
		t.Fatal(err)
	}
	flag := "--default-channels=" + strings.Join([]string{string(api.ConsoleChannel), string(api.FileChannel), string(api.SlackChannel)}, ",")
	for _, change := range []func() (func(context.Context) error, error){
		func() (func(context.Context) error, error) { return s.SetFlags(t.Context(), api.Notification, flag) },
		func() (func(context.Context) error, error) { return posts.ServeFiles(t.Context(), s.Platform) },
	} {
		restore, err := change()
		if restore != nil {
			session.Finally(t, restore)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *suite) slackPath() string { return "/slack/T0-" + s.Run }

// seed puts the remedy into the catalogue for both environments, with the image that was delivered. The cluster's database may
// hold it already: workflows have no other id than that of their name and environment.
func (s *suite) seed(t *testing.T) {
	for _, environment := range []string{"staging", "production"} {
		all := records.Remedies(environment)
		workflow := all[slices.IndexFunc(all, func(w api.Workflow) bool { return w.WorkflowName == remedy })]
		workflow.ContainerImage, workflow.ContainerDigest = s.image, s.digest
		var stored api.Workflow
		s.Eventually(t, func(ctx context.Context) error { // the API server learns of a new binding a moment after it was made
			id, err := s.DataStorage.Publish(ctx, workflow)
			if err != nil {
				return err
			}
			return s.DataStorage.Send(ctx, http.StatusOK, s.DataStorage.Request(http.MethodGet, records.WorkflowPath(id), nil), &stored)
		})
		s.seeded = append(s.seeded, stored.ID)
		if stored.ID != s.WorkflowID(environment) || stored.Status != api.StatusActive {
			t.Errorf("got %s workflow %s, want the active one %s", stored.Status, stored.ID, s.WorkflowID(environment))
		}
		if stored.ContainerImage != s.image || stored.ContainerDigest != s.digest {
			t.Fatalf("the database of this cluster remembers %s@%s, the suite has %s: kubectl delete pod -n %s -l app.kubernetes.io/name=postgres",
				stored.ContainerImage, stored.ContainerDigest, s.reference(), s.Namespace)
		}
	}
}

// WorkflowID is the remedy's id in an environment.
func (s *suite) WorkflowID(environment string) string { return records.WorkflowID(remedy, environment) }

func (s *suite) reference() string { return s.image + "@" + s.digest }

// note remembers a flow that has a name.
func (s *suite) note(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, f)
}

func (s *suite) flows() []*flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*flow(nil), s.started...)
}

func (s *suite) names() (names []string) {
	for _, f := range s.flows() {
		names = append(names, f.name)
	}
	return names
}

// eventsSince returns all events of all flows.
func (s *suite) eventsSince(t *testing.T, since time.Time) (events []api.AuditEvent) {
	t.Helper()
	const page = 1000
	for {
		got, err := s.DataStorage.Events(t.Context(), url.Values{
			"since": {since.UTC().Format(time.RFC3339)}, "limit": {strconv.Itoa(page)}, "offset": {strconv.Itoa(len(events))},
		})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, got.Data...)
		if len(got.Data) < page {
			return events
		}
	}
}

// removeFlows leaves nothing of the run but its trails: executions take their Jobs with them.
func (s *suite) removeFlows(ctx context.Context) error {
	var errs []error
	for _, id := range s.seeded {
		errs = append(errs, s.DataStorage.Archive(ctx, id))
	}
	errs = append(errs, s.RemoveRequests(ctx), platform.Eventually(ctx, s.noExecutions))
	namespaces, err := s.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: runLabel + "=" + s.Run})
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, namespace := range namespaces.Items {
		errs = append(errs, client.IgnoreNotFound(s.Client.Delete(ctx, &namespace)))
	}
	return errors.Join(errs...)
}

func (s *suite) noExecutions(ctx context.Context) error {
	var list api.WorkflowExecutionList
	if err := s.Client.List(ctx, &list, client.InNamespace(s.Namespace)); err != nil {
		return err
	}
	for _, execution := range list.Items {
		if strings.HasPrefix(execution.Spec.TargetResource, s.TargetNamespace()) {
			return fmt.Errorf("execution %s is still there", execution.Name)
		}
	}
	return nil
}

// step runs a part without which the rest of the test makes no sense.
func step(t *testing.T, name string, part func(*testing.T)) {
	t.Helper()
	if !t.Run(name, part) {
		t.FailNow()
	}
}
