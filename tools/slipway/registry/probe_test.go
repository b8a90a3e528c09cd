package registry_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// outcome is an Access without the texts of its errors.
type outcome struct {
	Pull, Push, Failed, Present, Left bool
	Requests                          int64
}

func outcomeOf(a registry.Access) outcome {
	return outcome{a.Pull != nil, a.Push != nil, a.Failed != nil, a.Present, a.Left, a.Requests}
}

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault fault
		push  bool
		want  outcome
	}{
		{name: "all allowed, no cancelling", push: true, want: outcome{Present: true, Left: true, Requests: 4}},
		{name: "reads alone", want: outcome{Present: true, Requests: 2}},
		{name: "cancelled", push: true, fault: fault{http.MethodDelete, uploads, -1, refuse(204, "")}, want: outcome{Present: true, Requests: 4}},
		{name: "push denied", push: true, fault: fault{http.MethodPost, uploads, -1, refuse(403, "DENIED")}, want: outcome{Present: true, Push: true, Requests: 3}},
		{name: "pull denied", push: true, fault: fault{http.MethodHead, manifests, -1, refuse(403, "DENIED")}, want: outcome{Pull: true, Left: true, Requests: 4}},
		{name: "not there", fault: fault{http.MethodHead, manifests, -1, refuse(404, "MANIFEST_UNKNOWN")}, want: outcome{Requests: 2}},
		{name: "broken", push: true, fault: fault{http.MethodHead, manifests, -1, refuse(400, "UNKNOWN")}, want: outcome{Failed: true, Requests: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			image := s.to(d.image("gateway", "base"))
			if _, err := d.pusher().Push(t.Context(), []registry.Image{image}); err != nil {
				t.Fatal(err)
			}
			if tc.fault.method != "" {
				tc.fault.on(s)
			}
			blobs, manifests := s.listed()
			s.reset()
			got := outcomeOf(d.pusher().Probe(t.Context(), image, tc.push))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("access (-want +got):\n%s", diff)
			}
			if b, m := s.listed(); b != blobs || m != manifests || s.bytes != 0 {
				t.Errorf("a probe wrote: %d blobs, %d manifests, %d bytes", b-blobs, m-manifests, s.bytes)
			}
		})
	}
}

func TestGreet(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		name         string
		status       int
		unreachable  bool
		denied, good bool
	}{
		{name: "good", good: true},
		{name: "busy", status: 429, unreachable: true},
		{name: "refused", status: 403, denied: true},
	} {
		s.repair()
		if tc.status != 0 {
			fault{http.MethodGet, "/v2/", -1, refuse(tc.status, "NO")}.on(s)
		}
		requests, err := newDisk().pusher().Greet(t.Context(), s.host+"/k/gateway")
		var denied *registry.DeniedError
		var unreachable *registry.UnreachableError
		if errors.As(err, &denied) != tc.denied || errors.As(err, &unreachable) != tc.unreachable || (err == nil) != tc.good {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if tc.unreachable && unreachable.Status != tc.status {
			t.Errorf("got status %d, want %d", unreachable.Status, tc.status)
		}
		if requests == 0 {
			t.Errorf("%s: got no request", tc.name)
		}
	}
}

// A repository of which nothing is known is asked for by its tags.
func TestProbeWithoutManifest(t *testing.T) {
	s := newServer(t)
	a := newDisk().pusher().Probe(t.Context(), registry.Image{Descriptor: plan.Descriptor{Name: "doctor"}, Repository: s.host + "/k/doctor"}, false)
	if diff := cmp.Diff(outcome{Requests: 2}, outcomeOf(a)); diff != "" {
		t.Errorf("access (-want +got):\n%s", diff)
	}
	if n := s.count(http.MethodGet, "/k/doctor/tags/list"); n != 1 {
		t.Errorf("got %d lists of tags, want 1", n)
	}
}
