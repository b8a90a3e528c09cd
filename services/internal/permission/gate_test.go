package permission_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const denial = "this pod's ServiceAccount may not list nodes in the cluster; add the verbs to its Role"

func open(t *testing.T, server *reviewtest.Server) (*permission.Gate, error) {
	t.Helper()
	rules := []permission.Rule{{Resource: "nodes", Verbs: []string{"list"}}}
	return permission.Open(t.Context(), server.Config(), rules, slog.New(slog.DiscardHandler))
}

func deny(server *reviewtest.Server) {
	server.Deny(authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"})
}

func TestGateOpens(t *testing.T) {
	gate, err := open(t, reviewtest.Start(t))
	if err != nil || gate.Ready(t.Context()) != nil {
		t.Fatalf("got %v, want an open gate that is ready", err)
	}
	want := errors.New("served")
	if got := gate.Run(t.Context(), func(context.Context) error { return want }); got != want {
		t.Errorf("Run: got %v, want what serve returned", got)
	}
}

func TestGateRefusesAtOnce(t *testing.T) {
	server := reviewtest.Start(t)
	deny(server)
	if _, err := open(t, server); err == nil || err.Error() != denial {
		t.Errorf("got %v, want %s", err, denial)
	}
}

func TestGateWaitsForTheServer(t *testing.T) {
	server := reviewtest.Start(t)
	server.Fail("selfsubjectaccessreviews")
	gate, err := open(t, server)
	if err != nil || gate.Ready(t.Context()) == nil {
		t.Fatalf("without an answer: got error %v and readiness %v, want to go on without being ready", err, gate.Ready(t.Context()))
	}
	if err := gate.Run(t.Context(), func(ctx context.Context) error {
		server.Fail("")
		for gate.Ready(ctx) != nil {
			time.Sleep(time.Millisecond)
		}
		return nil
	}); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestGateEndsTheServiceOnALateDenial(t *testing.T) {
	server := reviewtest.Start(t)
	server.Fail("selfsubjectaccessreviews")
	gate, err := open(t, server)
	if err != nil {
		t.Fatal(err)
	}
	err = gate.Run(t.Context(), func(ctx context.Context) error {
		deny(server)
		server.Fail("")
		<-ctx.Done()
		return nil
	})
	if err == nil || err.Error() != denial {
		t.Errorf("Run: got %v, want %s", err, denial)
	}
}

func TestGateStopsWithItsContext(t *testing.T) {
	server := reviewtest.Start(t)
	server.Fail("selfsubjectaccessreviews")
	gate, err := open(t, server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := gate.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }); err != nil {
		t.Errorf("Run: got %v, want a clean stop", err)
	}
}
