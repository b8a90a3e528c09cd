// Package httpserver is how every HTTP service of the platform starts, answers and stops.
//
// One listener serves the API, the health routes and /metrics. Each request is measured and logged, its body is bounded,
// a panic becomes a 500, and every refusal (404 and 405 of the router included) has an RFC 7807 body.
//
// When the context of Run ends, readiness turns to 503 first; the listener stays open for DrainDelay, so that load
// balancers learn of it while requests are still served; then it closes and the requests under way get ShutdownTimeout.
//
// Not a goal: TLS. Inside the cluster the platform speaks plain HTTP.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check reports why the service cannot work now; nil means that it can. The context has a deadline.
type Check func(ctx context.Context) error

// Config holds what differs between services.
type Config struct {
	// Name of the service; required.
	Name string
	// Addr to listen on, for instance ":8080"; required for Run.
	Addr string
	// LivePaths answer 200 as long as the process runs; nil means /health and /healthz.
	LivePaths []string
	// ReadyPaths answer 200, or 503 when a check fails or the service is stopping; nil means /ready and /readyz.
	ReadyPaths []string
	// Checks of readiness by name.
	Checks map[string]Check
	// CheckTimeout bounds all checks of one probe; 0 means 5 s.
	CheckTimeout time.Duration
	// MaxBody is the largest request body in bytes; 0 means 1 MiB.
	MaxBody int64
	// ReadTimeout bounds reading a request, body included; 0 means 30 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds answering a request; 0 means 60 s.
	WriteTimeout time.Duration
	// DrainDelay is how long the listener stays open after readiness has turned to 503; 0 means 3 s, negative none.
	DrainDelay time.Duration
	// ShutdownTimeout is how long requests under way may take after the listener has closed; 0 means 15 s.
	ShutdownTimeout time.Duration
	// Logger for requests; nil means slog.Default().
	Logger *slog.Logger
	// Registry holds the metrics that /metrics shows; nil means a new one with the Go and process collectors.
	Registry *prometheus.Registry
}

// Server is one HTTP service. Register handlers before Run.
type Server struct {
	cfg      Config
	mux      *http.ServeMux
	patterns []string
	metrics  *requestMetrics
	stopping atomic.Bool
}

// New returns a server with the health routes and /metrics.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, mux: http.NewServeMux(), metrics: newRequestMetrics(cfg.Registry)}
	for _, path := range cfg.LivePaths {
		s.Handle("GET "+path, http.HandlerFunc(s.live))
	}
	for _, path := range cfg.ReadyPaths {
		s.Handle("GET "+path, http.HandlerFunc(s.ready))
	}
	s.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}))
	return s
}

// NewRegistry returns a metrics registry with the collectors for the Go runtime and the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

func (cfg Config) withDefaults() Config {
	if cfg.LivePaths == nil {
		cfg.LivePaths = []string{"/health", "/healthz"}
	}
	if cfg.ReadyPaths == nil {
		cfg.ReadyPaths = []string{"/ready", "/readyz"}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Registry == nil {
		cfg.Registry = NewRegistry()
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	cfg.CheckTimeout = or(cfg.CheckTimeout, 5*time.Second)
	cfg.ReadTimeout = or(cfg.ReadTimeout, 30*time.Second)
	cfg.WriteTimeout = or(cfg.WriteTimeout, 60*time.Second)
	cfg.DrainDelay = or(cfg.DrainDelay, 3*time.Second)
	cfg.ShutdownTimeout = or(cfg.ShutdownTimeout, 15*time.Second)
	return cfg
}

func or(value, fallback time.Duration) time.Duration {
	if value == 0 {
		return fallback
	}
	return value
}

// Registry returns the registry behind /metrics.
func (s *Server) Registry() *prometheus.Registry { return s.cfg.Registry }

// Stopping says whether the shutdown has begun.
func (s *Server) Stopping() bool { return s.stopping.Load() }

// Handle registers a handler for a pattern of net/http's ServeMux, for instance "POST /api/v1/workflows". A pattern
// without a method gets all methods.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.mux.Handle(pattern, handler)
	s.patterns = append(s.patterns, pattern)
}

// HandleFunc registers a handler that returns its refusal as an error; see Func.
func (s *Server) HandleFunc(pattern string, handler Func) { s.Handle(pattern, handler) }

// Patterns returns the patterns of all routes, those of health and metrics included, in the order of their registration.
func (s *Server) Patterns() []string { return slices.Clone(s.patterns) }

// Run listens on Addr and serves until ctx ends, then stops as the package says. It returns nil after a clean stop.
func (s *Server) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listening for %s: %w", s.cfg.Name, err)
	}
	return s.Serve(ctx, listener)
}

// Serve is Run on a listener that is already open. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       s.cfg.ReadTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
	s.cfg.Logger.Info("serving", "address", listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving %s: %w", s.cfg.Name, err)
	case <-ctx.Done():
	}
	return s.shutdown(ctx, server, served)
}

func (s *Server) shutdown(ctx context.Context, server *http.Server, served <-chan error) error {
	s.stopping.Store(true)
	s.cfg.Logger.Info("stopping", "drain_seconds", s.cfg.DrainDelay.Seconds())
	if s.cfg.DrainDelay > 0 {
		time.Sleep(s.cfg.DrainDelay)
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	err := server.Shutdown(bounded)
	if err != nil {
		err = errors.Join(fmt.Errorf("stopping %s: %w", s.cfg.Name, err), server.Close())
	}
	<-served
	s.cfg.Logger.Info("stopped")
	return err
}
