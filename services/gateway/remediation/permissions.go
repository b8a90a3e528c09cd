package remediation

import (
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// Permissions returns everything that a Store does in its namespace.
func Permissions(namespace string) []permission.Rule {
	return []permission.Rule{
		{Namespace: namespace, Group: names.APIGroup, Resource: "remediationrequests", Verbs: []string{"create", "get", "list"}},
		{Namespace: namespace, Group: names.APIGroup, Resource: "remediationrequests/status", Verbs: []string{"patch"}},
		{Namespace: namespace, Group: "coordination.k8s.io", Resource: "leases", Verbs: []string{"create", "get", "update", "delete"}},
	}
}
