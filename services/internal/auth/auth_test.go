package auth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const caller = "system:serviceaccount:kubernaut-system:gateway"

func permission(verb string) reviewtest.Permission {
	return reviewtest.Permission{User: caller, Namespace: "kubernaut-system", Verb: verb, Service: "data-storage-service"}
}

func guarded(t *testing.T, api *reviewtest.Server, verb func(*http.Request) string) http.Handler {
	t.Helper()
	guard, err := auth.New(api.Config(), auth.Config{Namespace: "kubernaut-system", Service: "data-storage-service", Verb: verb})
	if err != nil {
		t.Fatal(err)
	}
	return guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(auth.User(r.Context())))
	}))
}

func request(handler http.Handler, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/x", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestGuard(t *testing.T) {
	for _, test := range []struct {
		name, authorization, failing string
		granted                      bool
		status                       int
		kind                         string
	}{
		{name: "allowed", authorization: "Bearer good", granted: true, status: http.StatusOK},
		{name: "scheme in other letters", authorization: "bearer good", granted: true, status: http.StatusOK},
		{name: "no header", granted: true, status: http.StatusUnauthorized, kind: problem.KindUnauthorized},
		{name: "other scheme", authorization: "Basic Z29vZA==", granted: true, status: http.StatusUnauthorized, kind: problem.KindUnauthorized},
		{name: "no token", authorization: "Bearer ", granted: true, status: http.StatusUnauthorized, kind: problem.KindUnauthorized},
		{name: "two tokens", authorization: "Bearer good good", granted: true, status: http.StatusUnauthorized, kind: problem.KindUnauthorized},
		{name: "unknown token", authorization: "Bearer bad", granted: true, status: http.StatusUnauthorized, kind: problem.KindUnauthorized},
		{name: "not granted", authorization: "Bearer good", status: http.StatusForbidden, kind: problem.KindForbidden},
		{name: "token review fails", authorization: "Bearer good", failing: "tokenreviews", granted: true, status: http.StatusInternalServerError, kind: problem.KindInternal},
		{name: "access review fails", authorization: "Bearer good", failing: "subjectaccessreviews", granted: true, status: http.StatusInternalServerError, kind: problem.KindInternal},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := reviewtest.Start(t)
			api.Token("good", caller)
			api.Grant(permission("create"), test.granted)
			api.Fail(test.failing)
			response := request(guarded(t, api, nil), test.authorization)
			if response.Code != test.status {
				t.Fatalf("status %d, want %d; body %s", response.Code, test.status, response.Body)
			}
			if challenged := response.Header().Get("WWW-Authenticate") != ""; challenged != (test.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate %q with status %d", response.Header().Get("WWW-Authenticate"), test.status)
			}
			if test.kind == "" {
				if diff := cmp.Diff(caller, response.Body.String()); diff != "" {
					t.Errorf("user (-want +got):\n%s", diff)
				}
				return
			}
			var body problem.Details
			if err := json.Unmarshal(response.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if want := problem.BaseURI + test.kind; body.Type != want {
				t.Errorf("type %q, want %q", body.Type, want)
			}
			if strings.Contains(body.Detail, "etcd") || strings.Contains(response.Body.String(), "good") {
				t.Errorf("the body tells too much: %s", response.Body)
			}
		})
	}
}

func TestLoadConfigWithoutACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "") // also where the tests themselves run in a pod
	for path, want := range map[string]string{
		"":             "loading the pod's Kubernetes configuration: ",
		"/nonexistent": `loading Kubernetes configuration "/nonexistent": `,
	} {
		if _, err := auth.LoadConfig(path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("LoadConfig(%q): got %v, want an error that begins with %q", path, err, want)
		}
	}
}

func TestLoadConfigReadsAKubeconfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	content := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}],
		clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]}`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := auth.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "http://127.0.0.1:1"; got.Host != want {
		t.Errorf("host: got %q, want %q", got.Host, want)
	}
}

// Nothing is remembered between requests.
func TestGuardFollowsRevocation(t *testing.T) {
	api := reviewtest.Start(t)
	handler := guarded(t, api, nil)
	steps := []struct {
		change func()
		want   int
	}{
		{func() {}, http.StatusUnauthorized},
		{func() { api.Token("t", caller) }, http.StatusForbidden},
		{func() { api.Grant(permission("create"), true) }, http.StatusOK},
		{func() { api.Grant(permission("create"), false) }, http.StatusForbidden},
		{func() { api.Grant(permission("create"), true); api.Token("t", "") }, http.StatusUnauthorized},
	}
	for i, step := range steps {
		step.change()
		if got := request(handler, "Bearer t").Code; got != step.want {
			t.Errorf("step %d: status %d, want %d", i, got, step.want)
		}
	}
}

func TestGuardAsksForTheCaller(t *testing.T) {
	api := reviewtest.Start(t)
	api.Token("t", caller)
	request(guarded(t, api, func(*http.Request) string { return "get" }), "Bearer t")
	want := []authorizationv1.SubjectAccessReviewSpec{{
		User: caller, UID: "uid-" + caller, Groups: []string{"system:serviceaccounts", "system:authenticated"},
		Extra: map[string]authorizationv1.ExtraValue{"authentication.kubernetes.io/pod-name": {"pod"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: "kubernaut-system", Verb: "get", Resource: "services", Name: "data-storage-service",
		},
	}}
	if diff := cmp.Diff(want, api.Reviews()); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
}
