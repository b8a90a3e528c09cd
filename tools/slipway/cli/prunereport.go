package cli

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

// pruneReport is what --json writes.
type pruneReport struct {
	Version      int               `json:"version"` // 1
	Registry     string            `json:"registry"`
	Delete       bool              `json:"delete"` // whether --delete was given
	Repositories []pruneRepository `json:"repositories"`
	Planned      prune.Counts      `json:"planned"`
	Deleted      deletedCounts     `json:"deleted"`
	Requests     int64             `json:"requests"` // all that were made
}

// pruneRepository is a plan, and what came of it when there was something to do.
type pruneRepository struct {
	prune.Plan
	Result *prune.Result `json:"result,omitempty"`
}

// deletedCounts is what all repositories have lost.
type deletedCounts struct {
	Tags      int `json:"tags"`
	Manifests int `json:"manifests"`
}

func (c deletedCounts) String() string {
	return progress.Count(c.Tags, "tag") + " and " + progress.Count(c.Manifests, "manifest") + " deleted"
}

func (p *pruner) write() error {
	if p.options.json {
		encoder := json.NewEncoder(p.streams.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p.report)
	}
	w := bufio.NewWriter(p.streams.Out)
	for _, r := range p.report.Repositories {
		writeRepository(w, r.Plan)
	}
	c := p.report.Planned
	what := fmt.Sprintf("%s and %s of %s", progress.Count(c.TagsDeleted, "tag"), progress.Count(c.ManifestsDeleted, "manifest"), count(len(p.report.Repositories)))
	if p.options.delete {
		fmt.Fprintf(w, "to delete: %s; %s; %s\n", what, p.report.Deleted, progress.Count(int(p.report.Requests), "request"))
	} else {
		fmt.Fprintf(w, "would delete %s; %s; nothing is deleted without --delete\n", what, progress.Count(int(p.report.Requests), "request"))
	}
	return w.Flush()
}

func count(repositories int) string {
	if repositories == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", repositories)
}

func writeRepository(w *bufio.Writer, plan prune.Plan) {
	c := plan.Counts()
	fmt.Fprintf(w, "%s: %s to keep, %d to delete; %s to keep, %d to delete\n", plan.Repository,
		progress.Count(c.TagsKept, "tag"), c.TagsDeleted, progress.Count(c.ManifestsKept, "manifest"), c.ManifestsDeleted)
	for _, t := range plan.Tags {
		fmt.Fprintf(w, "  %-6s  tag %s: %s\n", verb(t.Delete), t.Tag, t.Reason)
	}
	for _, m := range plan.Manifests {
		fmt.Fprintf(w, "  %-6s  %s: %s\n", verb(m.Delete), m.Digest, m.Reason)
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(w, "  note    %s\n", note)
	}
	if plan.Whole {
		fmt.Fprintf(w, "  delete  the package itself: nothing of it stays\n")
	}
}

func verb(deletes bool) string {
	if deletes {
		return "delete"
	}
	return "keep"
}
