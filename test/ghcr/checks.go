package ghcr

import (
	"net/http"
	"slices"
	"strings"
)

// CheckRun is what became of one job for a commit.
type CheckRun struct {
	Repository string // "kubernaut/kubernaut"
	Commit     string // 40 hexadecimal digits
	Name       string // of the job
	App        string // "github-actions" for a workflow's
	Status     string // "queued", "in_progress" or "completed"
	Conclusion string // "success", "failure" and others of a completed one
}

// SetCheckRun adds the newest run of the check.
func (s *Server) SetCheckRun(run CheckRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks = slices.DeleteFunc(slices.Clone(s.checks), func(old CheckRun) bool {
		return old.Repository == run.Repository && old.Commit == run.Commit && old.Name == run.Name && old.App == run.App
	})
	s.checks = append(s.checks, run)
}

// listCheckRuns is https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference, for a commit, of the latest
// runs.
func (s *Server) listCheckRuns(w http.ResponseWriter, c call) {
	repository, wanted := c.PathValue("owner")+"/"+c.PathValue("repository"), c.URL.Query().Get("check_name")
	list := []object{}
	s.mu.Lock()
	for i, run := range s.checks {
		if !strings.EqualFold(run.Repository, repository) || run.Commit != c.PathValue("commit") || wanted != "" && run.Name != wanted {
			continue
		}
		made := object{"id": i + 1, "name": run.Name, "head_sha": run.Commit, "status": run.Status, "conclusion": nil, "app": object{"slug": run.App}}
		if run.Conclusion != "" {
			made["conclusion"] = run.Conclusion
		}
		list = append(list, made)
	}
	s.mu.Unlock()
	part := turn(s, w, c, list)
	write(w, http.StatusOK, object{"total_count": len(list), "check_runs": part})
}
