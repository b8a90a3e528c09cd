package investigate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

// enrichment is the part of a request's enrichment results that is understood here.
type enrichment struct {
	OwnerChain        []holmesgpt.Resource `json:"ownerChain"`
	KubernetesContext struct {
		OwnerChain []holmesgpt.Resource `json:"ownerChain"`
	} `json:"kubernetesContext"`
}

// inOwnerChain says whether a resource is the signal's own or one of its owners.
func inOwnerChain(request holmesgpt.IncidentRequest, affected *holmesgpt.Resource) bool {
	if !named(affected) {
		return false
	}
	chain := []holmesgpt.Resource{{Kind: request.ResourceKind, Name: request.ResourceName, Namespace: request.ResourceNamespace}}
	var enriched enrichment
	// Enrichment of another form is for the model alone.
	if json.Unmarshal(request.EnrichmentResults, &enriched) == nil {
		chain = slices.Concat(chain, enriched.OwnerChain, enriched.KubernetesContext.OwnerChain)
	}
	return slices.ContainsFunc(chain, func(owner holmesgpt.Resource) bool { return same(owner, *affected) })
}

// same compares without the namespace when one side leaves it out, as owner references do.
func same(a, b holmesgpt.Resource) bool {
	return strings.EqualFold(a.Kind, b.Kind) && a.Name == b.Name && (a.Namespace == b.Namespace || a.Namespace == "" || b.Namespace == "")
}
