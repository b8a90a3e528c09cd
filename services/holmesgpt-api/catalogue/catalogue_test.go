package catalogue_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/datastorage/datastoragetest"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const unknownID = "00000000-0000-4000-8000-000000000000"

func newClient(t *testing.T, url, tokenFile string) *catalogue.Client {
	t.Helper()
	client, err := catalogue.New(catalogue.Config{URL: url, TokenFile: tokenFile})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func search(environment string) catalog.SearchRequest {
	return catalog.SearchRequest{RemediationID: "rr-1", Filters: catalog.Filters{
		SignalType: "OOMKilled", Severity: "high", Component: "pod", Environment: environment, Priority: "P1",
	}}
}

func TestSearchAndRead(t *testing.T) {
	storage := datastoragetest.Start(t, reviewtest.Start(t), names.HolmesGPTAPI)
	client := newClient(t, storage.URL, storage.TokenFile)
	created := storage.Create(datastoragetest.Workflow("more-memory", "OOMKilled", "staging"))
	found, err := client.Search(t.Context(), search("staging"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Workflows) != 1 || found.Workflows[0].WorkflowID != created.ID {
		t.Errorf("got %+v, want %s alone", found.Workflows, created.ID)
	}
	if found, err = client.Search(t.Context(), search("production")); err != nil || len(found.Workflows) != 0 {
		t.Errorf("other environment: got %+v, error %v, want nothing", found.Workflows, err)
	}
	read, err := client.Workflow(t.Context(), created.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, read); diff != "" {
		t.Errorf("workflow (-created +read):\n%s", diff)
	}
	if got := storage.Events("rr-1"); len(got) != 2 || got[0].Type != names.EventSearchCompleted {
		t.Errorf("got events %+v, want the two searches under the request's id", got)
	}
}

func TestErrors(t *testing.T) {
	reviews := reviewtest.Start(t)
	storage := datastoragetest.Start(t, reviews, names.HolmesGPTAPI)
	garbage := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{")) }))
	t.Cleanup(broken.Close)
	for name, test := range map[string]struct {
		url, tokenFile string
		want           error
		text           string
	}{
		"unknown workflow": {storage.URL, storage.TokenFile, catalogue.ErrNotFound, unknownID},
		"garbage token":    {storage.URL, garbage, catalogue.ErrUnavailable, "401"},
		"no token file":    {storage.URL, garbage + "x", catalogue.ErrUnavailable, "token"},
		"broken answer":    {broken.URL, storage.TokenFile, catalogue.ErrUnavailable, unknownID},
		"nobody listens":   {"http://127.0.0.1:1", storage.TokenFile, catalogue.ErrUnavailable, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, test.url, test.tokenFile).Workflow(t.Context(), unknownID)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.text)
			}
			if strings.Contains(err.Error(), "garbage\n") || strings.Contains(err.Error(), "Bearer garbage") {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

// A search that datastorage calls invalid is a failure of the service, not of the model.
func TestInvalidSearch(t *testing.T) {
	storage := datastoragetest.Start(t, reviewtest.Start(t), names.HolmesGPTAPI)
	_, err := newClient(t, storage.URL, storage.TokenFile).Search(t.Context(), search("x'; DROP TABLE workflows"))
	if !errors.Is(err, catalogue.ErrUnavailable) || !strings.Contains(err.Error(), "filters.environment") {
		t.Errorf("got %v, want datastorage's refusal that names the field", err)
	}
}
