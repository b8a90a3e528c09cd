package datastorage_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
)

// ownStore holds the cluster against what the suite believes: datastorage takes the server's URL from a Secret and does
// without when there is none, so that a suite could pass with the other store.
func (s *suite) ownStore(t *testing.T) {
	_, err := s.Kube.CoreV1().Secrets(s.Namespace).Get(t.Context(), "datastorage-database", metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if server := err == nil; server != (s.database != "") {
		t.Errorf("the cluster has a Secret for datastorage's database: %v, and the suite's database is %q", server, s.database)
	}
}

func (s *suite) survive(t *testing.T) {
	event := records.Event(s.flow("ds15"))
	s.post(t, event)
	workflow := s.create(t, s.workflow("ds15", "production"))
	before := s.events(t, event.CorrelationID)
	if err := s.Restart(t.Context(), api.DataStorage); err != nil {
		t.Fatal(err)
	}
	if err := s.Steady(t.Context(), api.DataStorage, s.DataStorage.Service, "/health/ready"); err != nil {
		t.Fatal(err)
	}
	if diff := contrast.Diff(before, s.events(t, event.CorrelationID)); diff != "" || len(before) != 1 {
		t.Errorf("events, 1 before the restart (-before +after):\n%s", diff)
	}
	if diff := contrast.Diff(workflow, s.get(t, workflow.ID)); diff != "" {
		t.Errorf("workflow (-before +after):\n%s", diff)
	}
}

// databaseAway asks the pod by way of the API server, for a pod that is not ready gets nothing from its Service.
func (s *suite) databaseAway(t *testing.T) {
	pods, err := s.Pods(t.Context(), api.DataStorage)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods of datastorage and error %v, want 1", len(pods), err)
	}
	pod := pods[0].Name
	s.eventuallyFromPod(t, pod, "/health/ready", http.StatusOK)
	before, err := s.Scale(t.Context(), s.database, 0)
	t.Cleanup(func() { s.restore(t, before) })
	if err != nil {
		t.Fatal(err)
	}
	s.eventuallyFromPod(t, pod, "/health/ready", http.StatusServiceUnavailable)
	s.eventuallyFromPod(t, pod, "/health/live", http.StatusOK)
	s.restore(t, before)
	s.eventuallyFromPod(t, pod, "/health/ready", http.StatusOK)
	if err := s.Steady(t.Context(), api.DataStorage, s.DataStorage.Service, "/health/ready"); err != nil {
		t.Fatal(err)
	}
	// The server that has come back is empty; datastorage has made its tables again.
	s.workflows = nil
	event := records.Event(s.flow("ds14"))
	s.post(t, event)
	if got := s.events(t, event.CorrelationID); len(got) != 1 {
		t.Errorf("after the database's return: got %d events, want 1", len(got))
	}
	after, err := s.Pods(t.Context(), api.DataStorage)
	if err != nil || len(after) != 1 || after[0].Name != pod || after[0].Status.ContainerStatuses[0].RestartCount != pods[0].Status.ContainerStatuses[0].RestartCount {
		t.Errorf("datastorage: got %d pods and error %v, want pod %s, not restarted", len(after), err, pod)
	}
}

func (s *suite) eventuallyFromPod(t *testing.T, pod, path string, want int) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		response, err := s.GetFromPod(ctx, pod, api.HTTPPort, path)
		if err == nil && response.Status != want {
			err = fmt.Errorf("%s answers %d %s, want %d", path, response.Status, response.Body, want)
		}
		return err
	})
}

// restore works after a test's end, too.
func (s *suite) restore(t *testing.T, replicas int32) {
	t.Helper()
	if _, err := s.Scale(context.WithoutCancel(t.Context()), s.database, replicas); err != nil {
		t.Errorf("restoring %s: %v", s.database, err)
	}
}
