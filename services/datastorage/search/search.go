// Package search ranks workflows for a signal.
//
// The five mandatory filters decide whether a workflow fits at all: each of its labels must equal the filter's value
// (letter case aside) or be catalog.Any. A label that names the value tells more than one that takes any, so each exact
// label adds 0.16 to the confidence and each wildcard 0.08: at most 0.8. A custom or detected label that agrees with the
// filter boosts the score by 0.05, up to 0.2; a detected label that contradicts it costs 0.1. Equal scores are ordered by
// name and id, so that the same catalogue always gives the same answer.
//
// The package is pure.
package search

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/catalog"
)

const (
	exactWeight    = 0.16
	wildcardWeight = 0.08
	boostWeight    = 0.05
	maxBoost       = 0.2
	penaltyWeight  = 0.1
	defaultTopK    = 10
)

// Rank returns the best workflows for a valid request. It looks at the latest versions that the caller gives it, and
// passes over those that are not active unless the request includes them.
func Rank(workflows []catalog.Workflow, request catalog.SearchRequest) catalog.SearchResponse {
	results := []catalog.Result{}
	for _, workflow := range workflows {
		if workflow.Status != catalog.StatusActive && !request.IncludeDisabled {
			continue
		}
		if result, fits := score(workflow, request.Filters); fits && result.FinalScore >= request.MinScore {
			results = append(results, result)
		}
	}
	slices.SortFunc(results, func(a, b catalog.Result) int {
		return cmp.Or(cmp.Compare(b.FinalScore, a.FinalScore), cmp.Compare(a.WorkflowName, b.WorkflowName), cmp.Compare(a.WorkflowID, b.WorkflowID))
	})
	total := len(results)
	results = results[:min(total, cmp.Or(request.TopK, defaultTopK))]
	for i := range results {
		results[i].Rank = i + 1
	}
	return catalog.SearchResponse{Workflows: results, TotalResults: total, Filters: request.Filters}
}

func score(w catalog.Workflow, filters catalog.Filters) (catalog.Result, bool) {
	confidence := 0.0
	for _, pair := range [][2]string{
		{w.Labels.SignalType, filters.SignalType}, {w.Labels.Severity, filters.Severity}, {w.Labels.Component, filters.Component},
		{w.Labels.Environment[0], filters.Environment}, {w.Labels.Priority, filters.Priority},
	} {
		switch {
		case strings.EqualFold(pair[0], pair[1]):
			confidence += exactWeight
		case pair[0] == catalog.Any:
			confidence += wildcardWeight
		default:
			return catalog.Result{}, false
		}
	}
	agreeing, _ := compare(w.CustomLabels, filters.CustomLabels)
	detected, contradicting := compare(w.DetectedLabels, filters.DetectedLabels)
	boost := math.Min(maxBoost, boostWeight*float64(agreeing+detected))
	penalty := penaltyWeight * float64(contradicting)
	return catalog.Result{
		WorkflowID: w.ID, WorkflowName: w.WorkflowName, Version: w.Version, Title: w.Name, Description: w.Description,
		SignalType: w.Labels.SignalType, Status: w.Status, ContainerImage: w.ContainerImage, ContainerDigest: w.ContainerDigest,
		Confidence: round(confidence), LabelBoost: round(boost), LabelPenalty: round(penalty),
		FinalScore: round(math.Max(0, confidence+boost-penalty)),
	}, true
}

// compare counts the keys in both maps with the same value and with another one.
func compare(have, wanted map[string]string) (agreeing, contradicting int) {
	for key, value := range wanted {
		got, found := have[key]
		switch {
		case found && strings.EqualFold(got, value):
			agreeing++
		case found:
			contradicting++
		}
	}
	return agreeing, contradicting
}

// round takes sums of hundredths back to hundredths, so that equal scores are equal.
func round(x float64) float64 { return math.Round(x*100) / 100 }
