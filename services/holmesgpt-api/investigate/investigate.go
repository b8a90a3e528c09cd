// Package investigate leads an investigation: it asks a language model for the root cause of a signal and for a workflow
// against it, serves the model's searches in the workflow catalogue, and checks what it proposes.
//
// A proposal counts only when it agrees with the catalogue: an active workflow for the signal's environment, its own
// container image (when the model names one) and its required parameters. A proposal that does not is sent back with the
// reasons, Attempts times in all. After that a human has to choose, and the response has no workflow: what could not be
// verified must not reach an executor. Version, image and digest in a response are always the catalogue's.
//
// Low confidence is passed on. Where to draw the line is the client's decision.
//
// The model's text is foreign input, as is the signal's. Neither becomes anything but text and checked values here; one
// audit event per investigation says how it ended.
//
// Not goals: streaming, sessions that outlive a request, tools that touch the cluster.
package investigate

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

// Attempts is how often the model may propose.
const Attempts = 3

// Model is a language model; *llm.Client is one.
type Model interface {
	Complete(ctx context.Context, messages []llm.Message, tools []llm.Tool) (llm.Message, error)
}

// Catalogue holds the workflows; *catalogue.Client is one.
type Catalogue interface {
	Search(ctx context.Context, request catalog.SearchRequest) (catalog.SearchResponse, error)
	Workflow(ctx context.Context, id string) (catalog.Workflow, error)
}

// Config holds what an investigation works with; all fields but Timeout and Now are required.
type Config struct {
	Model      Model
	Catalogue  Catalogue
	Audit      audit.Recorder
	Registerer prometheus.Registerer
	// Timeout bounds one investigation; 0 means 55 s.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Investigator is safe for concurrent use.
type Investigator struct {
	cfg     Config
	metrics metrics
}

// New returns an investigator whose metrics are registered.
func New(cfg Config) *Investigator {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 55 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Investigator{cfg: cfg, metrics: newMetrics(cfg.Registerer)}
}

// Routes, as metrics and audit events name them.
const (
	routeIncident = "incident"
	routeRecovery = "recovery"
)

// Incident investigates a new signal. The request must be valid. Errors say that the investigation broke off: with
// llm.ErrNoAnswer or catalogue.ErrUnavailable in their chain.
func (i *Investigator) Incident(ctx context.Context, request holmesgpt.IncidentRequest) (holmesgpt.Response, error) {
	response, err := i.investigate(ctx, routeIncident, request, incidentPrompt(request))
	response.RecoveryAnalysis = nil
	return response, err
}

// Recovery is Incident after a workflow has failed.
func (i *Investigator) Recovery(ctx context.Context, request holmesgpt.RecoveryRequest) (holmesgpt.Response, error) {
	return i.investigate(ctx, routeRecovery, request.IncidentRequest, recoveryPrompt(request))
}

func (i *Investigator) investigate(ctx context.Context, route string, request holmesgpt.IncidentRequest, prompt string) (holmesgpt.Response, error) {
	started := i.cfg.Now()
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Timeout)
	defer cancel()
	d := &dialogue{owner: i, request: request, messages: []llm.Message{
		{Role: llm.System, Text: systemPrompt()}, {Role: llm.User, Text: prompt},
	}}
	response, err := i.lead(ctx, d)
	i.metrics.investigated(route, response, err)
	i.cfg.Audit.Record(completed(route, request, d, response, err, i.cfg.Now().Sub(started)))
	if err != nil {
		return holmesgpt.Response{}, fmt.Errorf("investigating %s %q: %w", route, request.IncidentID, err)
	}
	return response, nil
}

// lead asks until a proposal is valid or the attempts are over.
func (i *Investigator) lead(ctx context.Context, d *dialogue) (holmesgpt.Response, error) {
	var history []holmesgpt.ValidationAttempt
	for attempt := 1; ; attempt++ {
		text, err := d.answer(ctx)
		if err != nil {
			return holmesgpt.Response{}, err
		}
		v, err := i.judge(ctx, d.request, text)
		if err != nil {
			return holmesgpt.Response{}, err
		}
		i.metrics.judged(v.valid())
		history = append(history, v.attempt(attempt, i.cfg.Now()))
		if v.valid() || attempt == Attempts {
			return i.response(d.request, v, history), nil
		}
		d.correct(attempt, v.errors)
	}
}

func (i *Investigator) response(request holmesgpt.IncidentRequest, v verdict, history []holmesgpt.ValidationAttempt) holmesgpt.Response {
	now := i.cfg.Now().UTC()
	response := holmesgpt.Response{
		IncidentID:                request.IncidentID,
		Analysis:                  v.prose,
		RootCauseAnalysis:         v.answer.rootCause(),
		AffectedResource:          v.answer.AffectedResource,
		SelectedWorkflow:          v.workflow,
		Confidence:                v.answer.confidence(),
		Timestamp:                 now,
		NeedsHumanReview:          v.reason != "",
		HumanReviewReason:         v.reason,
		TargetInOwnerChain:        inOwnerChain(request, v.answer.AffectedResource),
		Warnings:                  list(append(v.answer.Warnings, v.warnings...)),
		AlternativeWorkflows:      list(v.answer.Alternatives),
		ValidationAttemptsHistory: history,
		RecoveryAnalysis:          v.answer.Recovery,
	}
	if len(history) == 1 && len(v.answer.Attempts) > 0 {
		response.ValidationAttemptsHistory = v.answer.history(now)
	}
	if v.workflow == nil && v.reason != "" {
		response.Confidence = 0
	}
	return response
}

// list makes nil an empty list, which JSON shows as [].
func list[T any](values []T) []T { return append([]T{}, values...) }
