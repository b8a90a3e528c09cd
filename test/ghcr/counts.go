package ghcr

import (
	"maps"
	"net/http"
	"strings"

	"github.com/kubernaut/kubernaut/test/counted"
)

// Count is what was asked of one repository.
type Count struct {
	Requests map[string]int // "HEAD manifests", "POST uploads", "GET token"; of REST "DELETE api"
	Sent     int64          // bytes of response bodies
	Received int64          // bytes of request bodies
}

// Counts returns what was asked since the start or the last Reset, by repository. What belongs to none is under "": tokens,
// greetings and REST.
func (s *Server) Counts() map[string]Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.counts)
	for name, c := range all {
		c.Requests = maps.Clone(c.Requests)
		all[name] = c
	}
	return all
}

// Reset begins to count anew.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

// showCounts is for tests that have the server as a program of its own. It asks for no token and is not counted.
func (s *Server) showCounts(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		s.Reset()
	}
	write(w, http.StatusOK, s.Counts())
}

func (s *Server) count(r *http.Request, t target, received int64, answer *counted.Answer) {
	kind := t.kind
	switch {
	case strings.HasPrefix(r.URL.Path, apiPrefix+"/"):
		kind = "api"
	case kind == "":
		kind = strings.Trim(r.URL.Path, "/")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[t.name]
	if c.Requests == nil {
		c.Requests = map[string]int{}
	}
	c.Requests[r.Method+" "+kind]++
	c.Sent += answer.N
	c.Received += received
	s.counts[t.name] = c
}

// discard takes an answer that only its status matters of.
type discard struct{ header http.Header }

// Header implements http.ResponseWriter.
func (d discard) Header() http.Header { return d.header }

// Write implements http.ResponseWriter.
func (d discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (d discard) WriteHeader(int) {}
