package permission_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// server answers SelfSubjectAccessReviews: every access is allowed but the denied ones.
func server(t *testing.T, denied ...authorizationv1.ResourceAttributes) *rest.Config {
	t.Helper()
	http := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SelfSubjectAccessReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || r.URL.Path != "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
		review.Status.Allowed = !slices.Contains(denied, *review.Spec.ResourceAttributes)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(http.Close)
	return &rest.Config{Host: http.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

func TestCheck(t *testing.T) {
	rules := []permission.Rule{
		{Namespace: "ns", Group: "kubernaut.ai", Resource: "remediationrequests/status", Verbs: []string{"get", "patch"}},
		{Resource: "nodes", Verbs: []string{"get"}},
		{Namespace: "ns", Resource: "services", Name: "data-storage-service", Verbs: []string{"create"}},
	}
	status := authorizationv1.ResourceAttributes{Namespace: "ns", Verb: "patch", Group: "kubernaut.ai", Resource: "remediationrequests", Subresource: "status"}
	nodes := authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes"}
	service := authorizationv1.ResourceAttributes{Namespace: "ns", Verb: "create", Resource: "services", Name: "data-storage-service"}
	for _, test := range []struct {
		name   string
		denied []authorizationv1.ResourceAttributes
		want   string
	}{
		{"all allowed", nil, "<nil>"},
		{"a subresource", []authorizationv1.ResourceAttributes{status},
			"this pod's ServiceAccount may not patch remediationrequests.kubernaut.ai/status in ns; add the verbs to its Role"},
		{"cluster-wide, and one object", []authorizationv1.ResourceAttributes{nodes, service},
			"this pod's ServiceAccount may not get nodes in the cluster, nor create services data-storage-service in ns; add the verbs to its Role"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fmt.Sprint(permission.Check(t.Context(), server(t, test.denied...), rules)); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCheckTellsAnUnreachableServerFromADenial(t *testing.T) {
	config := server(t)
	config.Host += "/elsewhere"
	err := permission.Check(t.Context(), config, []permission.Rule{{Resource: "nodes", Verbs: []string{"get"}}})
	if err == nil || err.Error()[:len("asking whether this account may get nodes: ")] != "asking whether this account may get nodes: " {
		t.Errorf("got %v, want that the question failed", err)
	}
}
