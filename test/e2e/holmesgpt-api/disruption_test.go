package holmesgptapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// sameBytes asks each of two replicas, and one that has started later.
func (s *suite) sameBytes(t *testing.T) {
	var requests []wire.Request
	var want []string
	for _, at := range []turn{plain, first, answered} {
		requests = append(requests, say(completionsPath, "OOMKilled", at))
		want = append(want, s.bytes(t, requests[at]))
	}
	same := func(t *testing.T) {
		for range 5 {
			for i, request := range requests {
				if diff := contrast.Diff(want[i], s.bytes(t, request)); diff != "" {
					t.Errorf("turn %d (-before +now):\n%s", i, diff)
				}
			}
		}
	}
	t.Run("ML3_same_pod", same)
	before, err := s.Scale(t.Context(), api.MockLLM, 2)
	t.Cleanup(func() { s.restore(t, before) })
	if err != nil {
		t.Fatal(err)
	}
	s.settleModel(t)
	t.Run("ML3_two_replicas", same)
	if err := s.Restart(t.Context(), api.MockLLM); err != nil {
		t.Fatal(err)
	}
	s.settleModel(t)
	t.Run("ML3_after_a_restart", same)
}

func (s *suite) forcedText(t *testing.T) {
	restore, err := s.SetFlags(t.Context(), api.MockLLM, "--mock-llm-force-text=true")
	if restore != nil {
		t.Cleanup(func() {
			if err := restore(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("restoring mock-llm: %v", err)
			}
			s.settleModel(t)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.settleModel(t)
	for _, at := range []turn{plain, first, answered} {
		got := s.complete(t, say(completionsPath, "OOMKilled", at)).Choices[0]
		if got.FinishReason != "stop" || len(got.Message.ToolCalls) != 0 || got.Message.Content == "" {
			t.Errorf("turn %d: got %+v, want text", at, got)
		}
	}
	// A model that searches nothing and answers in prose is understood, too.
	s.wantWorkflow(t, s.incident("ml6", "OOMKilled"), "oomkill-increase-memory-v1", 0.95, "")
}

// modelDown asks the service while its model is away, and again when it is back.
func (s *suite) modelDown(t *testing.T) {
	before, err := s.Scale(t.Context(), api.MockLLM, 0)
	t.Cleanup(func() { s.restore(t, before) })
	if err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(ctx context.Context) error {
		_, err := s.holmes.Service.Want(ctx, http.StatusServiceUnavailable, wire.Request{Path: "/ready"})
		return err
	})
	request := s.incident("hg12", "OOMKilled")
	got := wantProblem(t, s.holmes.Service, s.holmes.Request(http.MethodPost, incidentPath, request), http.StatusInternalServerError)
	if !strings.Contains(got.Detail, "language model") {
		t.Errorf("got %+v, want a detail that names the model", got)
	}
	if _, err := s.holmes.Service.Want(t.Context(), http.StatusOK, wire.Request{Path: "/health"}); err != nil {
		t.Error(err)
	}
	s.WantEvents(t, request.RemediationID, map[string]int{string(api.EventHolmesGPTResponseComplete): 1})
	s.restore(t, before)
	s.Eventually(t, func(ctx context.Context) error {
		_, err := s.holmes.Service.Want(ctx, http.StatusOK, wire.Request{Path: "/ready"})
		return err
	})
	s.wantWorkflow(t, s.incident("hg12back", "OOMKilled"), "oomkill-increase-memory-v1", 0.95, "")
}

func (s *suite) healthyAgain(t *testing.T) {
	if err := s.Restart(t.Context(), api.MockLLM); err != nil {
		t.Fatal(err)
	}
	s.settleModel(t)
}

// restore works after a test's end, too.
func (s *suite) restore(t *testing.T, replicas int32) {
	t.Helper()
	if _, err := s.Scale(context.WithoutCancel(t.Context()), api.MockLLM, replicas); err != nil {
		t.Errorf("restoring mock-llm: %v", err)
	}
	s.settleModel(t)
}

func (s *suite) settleModel(t *testing.T) {
	t.Helper()
	if err := s.Steady(context.WithoutCancel(t.Context()), api.MockLLM, s.model, "/health"); err != nil {
		t.Error(err)
	}
}
