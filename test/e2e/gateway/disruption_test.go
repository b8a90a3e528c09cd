package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// concurrencyLimit fills the limit with posts that never end. A post without a timestamp tells full (503) from not yet
// full (400), because the limit is checked first.
func (s *suite) concurrencyLimit(t *testing.T) {
	const limit = 100
	stalled, err := s.gateway.Stall(t.Context(), limit, alerts.PrometheusPath, alerts.Headers())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stalled.Close() }()
	probe := wire.Request{Method: "POST", Path: alerts.PrometheusPath}
	s.Eventually(t, func(ctx context.Context) error {
		_, notFull := s.gateway.Want(ctx, http.StatusServiceUnavailable, probe)
		if notFull == nil {
			return nil
		}
		if len(stalled) > limit+5 {
			t.Fatalf("%d posts are under way, more than the limit of %d: %v", len(stalled), limit, notFull)
		}
		// A probe that arrived before the last post took its place for a moment, and that post was refused.
		another, err := s.gateway.Stall(ctx, 1, alerts.PrometheusPath, alerts.Headers())
		stalled = append(stalled, another...)
		return errors.Join(notFull, err)
	})
	s.wantProblem(t, wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: s.alert("GW11").Webhook()}, http.StatusServiceUnavailable, strconv.Itoa(limit))
	if response := s.do(t, wire.Request{Path: "/health"}); response.Status != http.StatusOK {
		t.Errorf("/health above the limit: got %d, want 200", response.Status)
	}
	stalled.Close()
	s.Eventually(t, func(ctx context.Context) error {
		_, err := s.gateway.Want(ctx, http.StatusBadRequest, probe)
		return err
	})
}

func (s *suite) withoutDataStorage(t *testing.T) {
	before, err := s.Scale(t.Context(), api.DataStorage, 0)
	t.Cleanup(func() { s.restore(t, api.DataStorage, before) })
	if err != nil {
		t.Fatal(err)
	}
	response, answer := s.post(t, s.alert("GW16"))
	if response.Status != http.StatusCreated {
		t.Errorf("got %d %s, want 201", response.Status, response.Body)
	}
	s.restore(t, api.DataStorage, before)
	s.WantEvents(t, answer.RemediationRequestName, map[string]int{string(api.EventSignalReceived): 1, string(api.EventCRDCreated): 1})
}

// shutdown asks the dying pod by way of the API server: Services no longer send it anything.
func (s *suite) shutdown(t *testing.T) {
	t.Cleanup(func() { s.settle(t) })
	pod := s.onlyPod(t)
	if got := s.fromPod(t, pod, "/ready"); got.Status != http.StatusOK {
		t.Fatalf("before SIGTERM /ready answers %d %s, want 200", got.Status, got.Body)
	}
	if err := s.DeletePod(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(context.Context) error {
		got := s.fromPod(t, pod, "/ready")
		if got.Status == http.StatusNotFound {
			t.Fatal("the pod ended without ever being not ready")
		}
		if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Body, "shutting down") {
			return fmt.Errorf("after SIGTERM /ready answers %d %s, want the gateway's own 503", got.Status, got.Body)
		}
		return nil
	})
	if got := s.fromPod(t, pod, "/health"); got.Status != http.StatusOK {
		t.Errorf("once not ready, /health answers %d %s, want 200 from the open listener", got.Status, got.Body)
	}
}

// onlyPod waits for the pods of former tests to end.
func (s *suite) onlyPod(t *testing.T) (name string) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		pods, err := s.Pods(ctx, api.Gateway)
		if err == nil && len(pods) != 1 {
			err = fmt.Errorf("got %d pods of the gateway, want 1", len(pods))
		}
		if err == nil {
			name = pods[0].Name
		}
		return err
	})
	return name
}

func (s *suite) fromPod(t *testing.T, pod, path string) wire.Response {
	t.Helper()
	response, err := s.GetFromPod(t.Context(), pod, api.HTTPPort, path)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func (s *suite) twoReplicas(t *testing.T) {
	before, err := s.Scale(t.Context(), api.Gateway, 2)
	t.Cleanup(func() { s.restore(t, api.Gateway, before) })
	if err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	s.parallel(t, 40)
}

func (s *suite) restart(t *testing.T) {
	alert := s.alert("GW26")
	_, first := s.post(t, alert)
	if err := s.Restart(t.Context(), api.Gateway); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	response, again := s.post(t, alert)
	if response.Status != http.StatusAccepted || again.RemediationRequestName != first.RemediationRequestName {
		t.Errorf("got %d and request %q, want 202 and %q", response.Status, again.RemediationRequestName, first.RemediationRequestName)
	}
	s.wantOneRequest(t, alert, 2)
}
