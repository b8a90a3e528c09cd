package notification_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/posts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

// pod returns the name of notification's pod.
func (s *suite) pod(t *testing.T) string {
	t.Helper()
	pods, err := s.Pods(t.Context(), api.Notification)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods and error %v, want one", len(pods), err)
	}
	return pods[0].Name
}

// fromPod reads a path from a port of notification's pod.
func (s *suite) fromPod(t *testing.T, port int, path string) wire.Response {
	t.Helper()
	response, err := s.GetFromPod(t.Context(), s.pod(t), port, path)
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("%s: got %d %s and error %v, want 200", path, response.Status, response.Body, err)
	}
	return response
}

// files returns the output folder's files by name.
func (s *suite) files(t *testing.T) map[string]inbox.FileInfo {
	t.Helper()
	response, err := posts.ReadFiles(t.Context(), s.Platform, "")
	if err != nil {
		t.Fatal(err)
	}
	var list []inbox.FileInfo
	if err := response.JSON(&list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]inbox.FileInfo{}
	for _, file := range list {
		byName[file.Name] = file
	}
	return byName
}

// file returns the content of a request's file.
func (s *suite) file(t *testing.T, request *api.NotificationRequest) string {
	t.Helper()
	response, err := posts.ReadFiles(t.Context(), s.Platform, posts.FileName(request))
	if err != nil {
		t.Fatal(err)
	}
	return response.Body
}

// lines waits until the log has the console's line about a request, and returns all that it has.
func (s *suite) lines(t *testing.T, request *api.NotificationRequest) []map[string]any {
	t.Helper()
	var found []map[string]any
	err := platform.Eventually(t.Context(), func(ctx context.Context) error {
		log, err := s.Logs(ctx, api.Notification)
		if err != nil {
			return err
		}
		if found, err = linesAbout(request.Name, log); err == nil && len(found) == 0 {
			err = fmt.Errorf("the log has no line about %s", request.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// linesAbout returns the notifications of a name in a log. Every line of it must be JSON.
func linesAbout(name, log string) ([]map[string]any, error) {
	var found []map[string]any
	for line := range strings.Lines(log) {
		var decoded struct{ Notification map[string]any }
		if err := json.Unmarshal([]byte(line), &decoded); err != nil {
			return nil, fmt.Errorf("the line %q is no JSON: %w", line, err)
		}
		if decoded.Notification["name"] == name {
			found = append(found, decoded.Notification)
		}
	}
	return found, nil
}

// events waits until the trail of a flow has n events, and returns them.
func (s *suite) events(t *testing.T, flow string, n int) []api.AuditEvent {
	t.Helper()
	var found []api.AuditEvent
	s.Eventually(t, func(ctx context.Context) (err error) {
		found, err = s.Flow(ctx, flow)
		if err == nil && len(found) < n {
			err = fmt.Errorf("got %d events of %s, want %d", len(found), flow, n)
		}
		return err
	})
	return found
}

// kubernetesEvents returns what Kubernetes events say about a request.
func (s *suite) kubernetesEvents(t *testing.T, request *api.NotificationRequest) []corev1.Event {
	t.Helper()
	list, err := s.Kube.CoreV1().Events(s.Namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(request.UID)})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// wantReason waits for a Kubernetes event: the recorder sends them in the background.
func (s *suite) wantReason(t *testing.T, request *api.NotificationRequest, reason string) {
	t.Helper()
	err := platform.Eventually(t.Context(), func(context.Context) error {
		var seen []string
		for _, event := range s.kubernetesEvents(t, request) {
			seen = append(seen, event.Reason)
		}
		if !slices.Contains(seen, reason) {
			return fmt.Errorf("got Kubernetes events %v, want %s", seen, reason)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
