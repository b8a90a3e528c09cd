package search_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/datastorage/search"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
)

func workflow(name string, change func(*catalog.Workflow)) catalog.Workflow {
	w := catalog.Workflow{
		ID: "id-" + name, WorkflowName: name, Status: catalog.StatusActive,
		Labels: catalog.Labels{SignalType: "OOMKilled", Severity: "critical", Component: "pod", Environment: []string{"production"}, Priority: "P0"},
	}
	change(&w)
	return w
}

func request(change func(*catalog.SearchRequest)) catalog.SearchRequest {
	r := catalog.SearchRequest{Filters: catalog.Filters{SignalType: "oomkilled", Severity: "critical", Component: "Pod", Environment: "production", Priority: "P0"}}
	change(&r)
	return r
}

type line struct {
	Name                            string
	Confidence, Boost, Penalty, End float64
	Rank                            int
}

func TestRank(t *testing.T) {
	all := []catalog.Workflow{
		workflow("wild", func(w *catalog.Workflow) {
			w.Labels.Priority, w.Labels.Environment = catalog.Any, []string{catalog.Any}
		}),
		workflow("tie-b", func(*catalog.Workflow) {}),
		workflow("tie-a", func(*catalog.Workflow) {}),
		workflow("boosted", func(w *catalog.Workflow) { w.CustomLabels = map[string]string{"team": "A"} }),
		workflow("fined", func(w *catalog.Workflow) {
			w.DetectedLabels = map[string]string{"gitOpsManaged": "false", "hasPDB": "true"}
		}),
		workflow("other signal", func(w *catalog.Workflow) { w.Labels.SignalType = "CrashLoop" }),
		workflow("other environment", func(w *catalog.Workflow) { w.Labels.Environment = []string{"staging"} }),
		workflow("off", func(w *catalog.Workflow) { w.Status = catalog.StatusDisabled }),
		workflow("old", func(w *catalog.Workflow) { w.Status = catalog.StatusDeprecated }),
	}
	labels := func(r *catalog.SearchRequest) {
		r.Filters.CustomLabels = map[string]string{"team": "a"}
		r.Filters.DetectedLabels = map[string]string{"gitOpsManaged": "true", "hasPDB": "true", "unknown": "x"}
	}
	for _, test := range []struct {
		name   string
		change func(*catalog.SearchRequest)
		want   []line
		total  int
	}{
		{"labels", labels, []line{{"boosted", 0.8, 0.05, 0, 0.85, 1}, {"tie-a", 0.8, 0, 0, 0.8, 2}, {"tie-b", 0.8, 0, 0, 0.8, 3},
			{"fined", 0.8, 0.05, 0.1, 0.75, 4}, {"wild", 0.64, 0, 0, 0.64, 5}}, 5},
		{"best two", func(r *catalog.SearchRequest) { labels(r); r.TopK = 2 },
			[]line{{"boosted", 0.8, 0.05, 0, 0.85, 1}, {"tie-a", 0.8, 0, 0, 0.8, 2}}, 5},
		{"least score is inclusive", func(r *catalog.SearchRequest) { labels(r); r.MinScore = 0.85 }, []line{{"boosted", 0.8, 0.05, 0, 0.85, 1}}, 1},
		{"disabled too", func(r *catalog.SearchRequest) { r.IncludeDisabled = true; r.MinScore = 0.8; r.TopK = 100 }, []line{{"boosted", 0.8, 0, 0, 0.8, 1},
			{"fined", 0.8, 0, 0, 0.8, 2}, {"off", 0.8, 0, 0, 0.8, 3}, {"old", 0.8, 0, 0, 0.8, 4}, {"tie-a", 0.8, 0, 0, 0.8, 5}, {"tie-b", 0.8, 0, 0, 0.8, 6}}, 6},
		{"nothing fits", func(r *catalog.SearchRequest) { r.Filters.Component = "node" }, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := search.Rank(all, request(test.change))
			var got []line
			for _, r := range response.Workflows {
				got = append(got, line{r.WorkflowName, r.Confidence, r.LabelBoost, r.LabelPenalty, r.FinalScore, r.Rank})
			}
			if diff := cmp.Diff(test.want, got); diff != "" || response.TotalResults != test.total || response.Workflows == nil {
				t.Errorf("total %d, want %d; results (-want +got):\n%s", response.TotalResults, test.total, diff)
			}
		})
	}
}
