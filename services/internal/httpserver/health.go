package httpserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ok", "service": s.cfg.Name})
}

// ready answers 503 with the names of the failed checks. Their causes go to the log alone: the route needs no token.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "the service is shutting down"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.CheckTimeout)
	defer cancel()
	var failed []string
	for name, check := range s.cfg.Checks {
		if err := check(ctx); err != nil {
			s.cfg.Logger.Warn("readiness check failed", "check", name, "error", err.Error())
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "not ready: %s", strings.Join(failed, ", ")))
		return
	}
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ready", "service": s.cfg.Name})
}
