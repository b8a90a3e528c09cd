// Package ingest is the gateway's HTTP side: it checks posts, hands their signals on, and answers.
//
// The order of checks is a contract: concurrency limit, X-Timestamp, method, content type, body, signals. Only then is
// anything read or written in Kubernetes. GET, HEAD and OPTIONS skip the timestamp, since they never change anything.
//
// A post may hold many alerts. They are handled side by side, each on its own: the answer speaks of the first one that
// was created, else of the first, and its metadata counts all. When any of them fails the whole post fails, and the
// sender's retry finds the others as duplicates.
//
// Audit events are recorded once the RemediationRequest's name is known and never hold up the answer.
package ingest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/gateway/signal"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Routes of the signals.
const (
	PrometheusPath      = "/api/v1/signals/prometheus"
	KubernetesEventPath = "/api/v1/signals/kubernetes-event"
)

// parallel bounds the signals of one post that are handled at a time.
const parallel = 8

// Submitter makes RemediationRequests of signals; *remediation.Store is one.
type Submitter interface {
	Submit(ctx context.Context, s signal.Signal) (remediation.Result, error)
}

// Config holds what the handler works with; all fields but Now are required.
type Config struct {
	Requests      Submitter
	Audit         audit.Recorder
	Registerer    prometheus.Registerer
	MaxConcurrent int              // posts under way; more are answered 503
	Now           func() time.Time // nil means time.Now
}

// Handler serves the signal routes. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	metrics metrics
}

// New returns a handler whose metrics are registered.
func New(cfg Config) *Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Handler{cfg: cfg, metrics: newMetrics(cfg.Registerer)}
}

// Register adds the signal routes to a server. They share one concurrency limit; health routes stay outside of it.
func (h *Handler) Register(server *httpserver.Server) {
	routes := http.NewServeMux()
	limited := httpserver.Limit(h.cfg.MaxConcurrent, routes)
	for path, decode := range map[string]signal.Decoder{
		PrometheusPath:      signal.Alertmanager,
		KubernetesEventPath: signal.Event,
	} {
		routes.Handle(path, h.route(decode))
		server.Handle(path, limited)
	}
}

func (h *Handler) route(decode signal.Decoder) httpserver.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !safe(r.Method) {
			if err := checkTimestamp(r.Header.Get(TimestampHeader), h.cfg.Now()); err != nil {
				return err
			}
		}
		if r.Method != http.MethodPost {
			httpserver.MethodNotAllowed(w, r, http.MethodPost)
			return nil
		}
		signals, err := read(r, decode)
		if err != nil {
			return err
		}
		results, err := h.submit(r.Context(), signals)
		if err != nil {
			return explain(r.Context(), err)
		}
		status, body := answer(signals, results)
		httpserver.WriteJSON(w, status, body)
		return nil
	}
}

// safe methods change nothing (https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func read(r *http.Request, decode signal.Decoder) ([]signal.Signal, error) {
	if err := httpserver.CheckJSON(r); err != nil {
		return nil, err
	}
	body, err := httpserver.ReadBody(r)
	if err != nil {
		return nil, err
	}
	signals, err := decode(body)
	var details *problem.Details
	if err != nil && !errors.As(err, &details) {
		err = problem.Invalid(err.Error(), nil)
	}
	return signals, err
}

// submit handles all signals, also after one has failed.
func (h *Handler) submit(ctx context.Context, signals []signal.Signal) ([]remediation.Result, error) {
	results, failures := make([]remediation.Result, len(signals)), make([]error, len(signals))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, s := range signals {
		group.Go(func() error {
			results[i], failures[i] = h.one(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // the failures are in their slice, so that one does not hide the others
	return results, errors.Join(failures...)
}

func (h *Handler) one(ctx context.Context, s signal.Signal) (remediation.Result, error) {
	kind := string(s.Type)
	h.metrics.received.WithLabelValues(kind).Inc()
	result, err := h.cfg.Requests.Submit(ctx, s)
	if warning := errors.Join(result.CountErr, result.CleanUpErr); warning != nil {
		httpserver.Logger(ctx).Warn("signal handled, but not completely", "request", result.Request.Name, "error", warning.Error())
	}
	if result.Request != nil {
		h.cfg.Audit.Record(events(result, err)...)
	}
	switch {
	case err != nil:
		h.metrics.failed.WithLabelValues(kind).Inc()
	case result.Duplicate:
		h.metrics.deduplicated.WithLabelValues(kind).Inc()
	default:
		h.metrics.created.WithLabelValues(kind).Inc()
	}
	return result, err
}

// explain tells the sender whether to try again; the cause goes to the log alone.
func explain(ctx context.Context, err error) error {
	if errors.Is(err, remediation.ErrBusy) {
		return problem.New(http.StatusServiceUnavailable, "the same signal is being handled elsewhere, try again later")
	}
	var answered apierrors.APIStatus
	if errors.As(err, &answered) && !unavailable(err) {
		return err
	}
	httpserver.Logger(ctx).Error("the Kubernetes API is not available", "error", err.Error())
	return problem.New(http.StatusServiceUnavailable, "the Kubernetes API is not available, try again later")
}

func unavailable(err error) bool {
	return apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}
