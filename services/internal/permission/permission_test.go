package permission_test

import (
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

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
			server := reviewtest.Start(t)
			for _, access := range test.denied {
				server.Deny(access)
			}
			if got := fmt.Sprint(permission.Check(t.Context(), server.Config(), rules)); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCheckTellsAnUnreachableServerFromADenial(t *testing.T) {
	config := reviewtest.Start(t).Config()
	config.Host += "/elsewhere"
	err := permission.Check(t.Context(), config, []permission.Rule{{Resource: "nodes", Verbs: []string{"get"}}})
	if err == nil || err.Error()[:len("asking whether this account may get nodes: ")] != "asking whether this account may get nodes: " {
		t.Errorf("got %v, want that the question failed", err)
	}
}
