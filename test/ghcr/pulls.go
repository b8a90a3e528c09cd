package ghcr

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PullRequest is a pull request.
type PullRequest struct {
	Repository string // "kubernaut/kubernaut"
	Number     int
	State      string    // "open" or "closed"
	Closed     time.Time // when it was; the zero time for an open one
	Merged     bool
}

// SetPullRequest adds a pull request, or changes it.
func (s *Server) SetPullRequest(p PullRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls = slices.DeleteFunc(slices.Clone(s.pulls), func(old PullRequest) bool { return old.Repository == p.Repository && old.Number == p.Number })
	s.pulls = append(s.pulls, p)
}

func (s *Server) pullsOf(c call) []PullRequest {
	repository := c.PathValue("owner") + "/" + c.PathValue("repository")
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []PullRequest
	for _, p := range s.pulls {
		if strings.EqualFold(p.Repository, repository) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b PullRequest) int { return b.Number - a.Number })
	return list
}

// object is a part of https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request.
func (p PullRequest) object(s *Server) object {
	made := object{
		"number": p.Number, "state": p.State, "url": s.API + "/repos/" + p.Repository + "/pulls/" + strconv.Itoa(p.Number),
		"closed_at": nil, "merged_at": nil, "merged": p.Merged,
	}
	if !p.Closed.IsZero() {
		made["closed_at"] = p.Closed.UTC()
		if p.Merged {
			made["merged_at"] = p.Closed.UTC()
		}
	}
	return made
}

func (s *Server) listPulls(w http.ResponseWriter, c call) {
	state := c.URL.Query().Get("state")
	if state == "" {
		state = "open"
	}
	list := []object{}
	for _, p := range s.pullsOf(c) {
		if state == "all" || state == p.State {
			list = append(list, p.object(s))
		}
	}
	page(s, w, c, list)
}

func (s *Server) showPull(w http.ResponseWriter, c call) {
	for _, p := range s.pullsOf(c) {
		if strconv.Itoa(p.Number) == c.PathValue("number") {
			write(w, http.StatusOK, p.object(s))
			return
		}
	}
	fail(w, http.StatusNotFound, "Not Found")
}
