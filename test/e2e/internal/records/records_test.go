package records_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// serve answers every request with a status and a body, and returns what it was sent.
func serve(t *testing.T, status int, body string) (records.Caller, *[]string) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		seen = append(seen, strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(sent)}, "|"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return records.Caller{Service: wire.NewClient(server.URL), Token: "t"}, &seen
}

func TestEventsAsksWithTheQuery(t *testing.T) {
	caller, seen := serve(t, http.StatusOK, `{"data":[{"correlation_id":"rr-1"}],"pagination":{"total":7}}`)
	got, err := caller.Events(t.Context(), url.Values{"correlation_id": {"rr-1"}})
	if err != nil || len(got.Data) != 1 || got.Data[0].CorrelationID != "rr-1" || got.Pagination.Total != 7 {
		t.Errorf("got %+v and error %v", got, err)
	}
	if diff := cmp.Diff([]string{"GET|/api/v1/audit/events?correlation_id=rr-1|Bearer t||"}, *seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestArchive(t *testing.T) {
	caller, seen := serve(t, http.StatusOK, `{}`)
	if err := caller.Archive(t.Context(), "id"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`PATCH|/api/v1/workflows/id|Bearer t|application/json|{"status":"archived"}`}, *seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestReconstruct(t *testing.T) {
	caller, seen := serve(t, http.StatusOK, `{"remediation_request_yaml":"metadata:\n  name: rr-1\n","validation":{"is_valid":true,"completeness":100},"correlation_id":"rr-1"}`)
	got, err := caller.Reconstruct(t.Context(), "rr-1")
	if err != nil || !got.Validation.IsValid || got.Validation.Completeness != 100 || got.CorrelationID != "rr-1" {
		t.Errorf("got %+v and error %v", got, err)
	}
	if request, err := got.Request(); err != nil || request.Name != "rr-1" {
		t.Errorf("request: got %+v and error %v", request, err)
	}
	got.YAML = "spek: {}"
	if _, err := got.Request(); err == nil {
		t.Error("request with an unknown field: got no error")
	}
	if diff := cmp.Diff([]string{"POST|/api/v1/audit/remediation-requests/rr-1/reconstruct|Bearer t||"}, *seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPublish(t *testing.T) {
	const activate = `PATCH|/api/v1/workflows/588c0d01-ef83-5a78-ac19-4af9089b7776|Bearer t|application/json|{"status":"active"}`
	for name, test := range map[string]struct {
		status int
		want   []string // after the post
		fails  bool
	}{
		"new":    {http.StatusCreated, nil, false},
		"stored": {http.StatusConflict, []string{activate}, true}, // the stand-in answers the second request with 409, too
		"bad":    {http.StatusBadRequest, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			caller, seen := serve(t, test.status, `{}`)
			got, err := caller.Publish(t.Context(), records.Workflow("oomkill-increase-memory-v1", "production"))
			if (err != nil) != test.fails || (err == nil && got != "588c0d01-ef83-5a78-ac19-4af9089b7776") {
				t.Errorf("got %q and error %v", got, err)
			}
			if diff := cmp.Diff(test.want, (*seen)[1:], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("requests after the first (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendJudgesTheStatus(t *testing.T) {
	caller, _ := serve(t, http.StatusForbidden, `{}`)
	if err := caller.Archive(t.Context(), "id"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got error %v, want the status", err)
	}
}

func TestWorkflowID(t *testing.T) {
	for key, want := range map[[2]string]string{
		{"oomkill-increase-memory-v1", "production"}: "588c0d01-ef83-5a78-ac19-4af9089b7776",
		{"crashloop-config-fix-v1", "staging"}:       "337c905a-67f0-5376-b96d-b9a37d380401",
		{"generic-restart-v1", "production"}:         "a77dd1d4-a5f0-527b-b39a-afb796371a76",
	} {
		if got := records.WorkflowID(key[0], key[1]); got != want {
			t.Errorf("%v: got %s, want %s", key, got, want)
		}
	}
}

func TestEdited(t *testing.T) {
	event := records.Event("rr-1")
	got := records.Edited(event, map[string]any{"correlation_id": nil, "event_outcome": "maybe"})
	if _, found := got["correlation_id"]; found || got["event_outcome"] != "maybe" || got["event_action"] != event.Action {
		t.Errorf("got %v", got)
	}
}
