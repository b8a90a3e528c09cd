package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Func is a handler that returns its refusal. A *problem.Details in the error's chain is sent as it is; any other error
// is logged and becomes a 500 whose body says nothing of the cause. A handler that returns an error must not have written.
type Func func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls f.
func (f Func) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r); err != nil {
		WriteError(w, r, err)
	}
}

// WriteError sends err as Func says.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	var details *problem.Details
	if !errors.As(err, &details) {
		Logger(r.Context()).Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err.Error())
		details = problem.New(http.StatusInternalServerError, "the server could not complete the request")
	}
	problem.Write(w, r, details)
}

type loggerKey struct{}

// Logger returns the logger of the server that handles the request, else slog.Default().
func Logger(ctx context.Context) *slog.Logger {
	if logger, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return logger
	}
	return slog.Default()
}

// Handler returns the whole service: routes behind the measures that the package's comment lists. Tests serve it.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorder := &statusRecorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), loggerKey{}, s.cfg.Logger))
		r.Body = http.MaxBytesReader(recorder, r.Body, s.cfg.MaxBody)
		defer s.finish(recorder, r, started)
		s.route(recorder, r)
	})
}

// finish runs last for every request, a panic included. http.ErrAbortHandler goes on to net/http, which expects it.
func (s *Server) finish(w *statusRecorder, r *http.Request, started time.Time) {
	cause := recover()
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	if cause != nil {
		s.cfg.Logger.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "panic", cause)
		if w.status == 0 {
			problem.Write(w, r, problem.New(http.StatusInternalServerError, "the server could not complete the request"))
		}
	}
	elapsed := time.Since(started)
	s.metrics.observe(r, w.code(), elapsed)
	level := slog.LevelDebug
	if w.code() >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	s.cfg.Logger.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", w.code(),
		"duration_ms", elapsed.Milliseconds())
}

// route serves a matched request and turns the router's own bare-text refusals into problems.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	// ServeMux tells 404 from 405, and which methods exist, only through the answer of its fallback handler.
	probe := &discard{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		problem.Write(w, r, problem.New(http.StatusNotFound, "no route for %s", r.URL.Path))
		return
	}
	MethodNotAllowed(w, r, probe.header.Get("Allow"))
}

// MethodNotAllowed answers 405 and names the methods that exist ("GET, HEAD").
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	problem.Write(w, r, problem.New(http.StatusMethodNotAllowed, "method %s is not allowed here, use %s", r.Method, allow))
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// statusRecorder remembers the status for metrics and the log.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *statusRecorder) code() int {
	if s.status == 0 {
		return http.StatusOK
	}
	return s.status
}
