package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   plan.Input
		line string
		want plan.Decision
	}{
		{
			name: "nothing set",
			line: "destination: kind, because IMAGE_REGISTRY and IMAGE_TAG are not set",
			want: plan.Decision{Destination: plan.Kind, Registry: "kind.local"},
		}, {
			name: "left over in a shell",
			in:   plan.Input{Registry: "localhost:5001/k", Tag: "t1"},
			line: "destination: registry, because IMAGE_REGISTRY=localhost:5001/k and IMAGE_TAG=t1 are set in this shell, not by CI; into kind instead: unset IMAGE_REGISTRY IMAGE_TAG",
			want: plan.Decision{Destination: plan.Registry, Registry: "localhost:5001/k", Tag: "t1", Fallback: true, Stray: true},
		}, {
			name: "both set",
			in:   plan.Input{Registry: "localhost:5001/k", Tag: "t1", Automated: true},
			line: "destination: registry, because IMAGE_REGISTRY=localhost:5001/k and IMAGE_TAG=t1 are set",
			want: plan.Decision{Destination: plan.Registry, Registry: "localhost:5001/k", Tag: "t1", Fallback: true},
		}, {
			name: "no fallback",
			in:   plan.Input{Registry: "ghcr.io/o/k", Tag: "t1", Fallback: plan.FallbackNever, Automated: true},
			line: "destination: registry, because IMAGE_REGISTRY=ghcr.io/o/k and IMAGE_TAG=t1 are set",
			want: plan.Decision{Destination: plan.Registry, Registry: "ghcr.io/o/k", Tag: "t1"},
		}, {
			name: "kind overrules both",
			in:   plan.Input{Registry: "HTTP://", Tag: "?", Destination: plan.Kind},
			line: "destination: kind, because --destination=kind (IMAGE_REGISTRY and IMAGE_TAG are ignored)",
			want: plan.Decision{Destination: plan.Kind, Registry: "kind.local"},
		}, {
			name: "kind overrules one",
			in:   plan.Input{Tag: "t1", Destination: plan.Kind},
			line: "destination: kind, because --destination=kind (IMAGE_TAG is ignored)",
			want: plan.Decision{Destination: plan.Kind, Registry: "kind.local"},
		}, {
			name: "registry by flag",
			in:   plan.Input{Registry: "ghcr.io/o/k", Tag: "t1", Destination: plan.Registry},
			line: "destination: registry, because --destination=registry, with IMAGE_REGISTRY=ghcr.io/o/k and IMAGE_TAG=t1",
			want: plan.Decision{Destination: plan.Registry, Registry: "ghcr.io/o/k", Tag: "t1", Fallback: true},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := plan.Decide(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.line {
				t.Errorf("got %q, want %q", got, tc.line)
			}
			got.Reason = ""
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideRefuses(t *testing.T) {
	const unset = "unset IMAGE_REGISTRY IMAGE_TAG"
	long := strings.Repeat("x", 129)
	for _, tc := range []struct {
		name  string
		in    plan.Input
		want  string
		hints []string
	}{
		{"registry alone", plan.Input{Registry: "ghcr.io/o"}, "IMAGE_REGISTRY is set but IMAGE_TAG is not", []string{"export IMAGE_TAG=pr-123", "unset IMAGE_REGISTRY"}},
		{"tag alone", plan.Input{Tag: "t1"}, "IMAGE_TAG is set but IMAGE_REGISTRY is not", []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", "unset IMAGE_TAG"}},
		{"flag alone", plan.Input{Destination: plan.Registry}, "--destination=registry needs IMAGE_REGISTRY and IMAGE_TAG, neither is set", []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", "export IMAGE_TAG=pr-123"}},
		{"destination", plan.Input{Destination: "moon"}, `--destination must be auto, registry or kind, got "moon"`, []string{"--destination=kind"}},
		{"fallback", plan.Input{Fallback: "moon"}, `--fallback must be kind or never, got "moon"`, []string{"--fallback=never"}},
		{"scheme", plan.Input{Registry: "https://ghcr.io/o", Tag: "t"}, `IMAGE_REGISTRY must not have a scheme, got "https://ghcr.io/o"`, []string{"export IMAGE_REGISTRY=ghcr.io/o", unset}},
		{"upper case", plan.Input{Registry: "ghcr.io/Org", Tag: "t"}, `IMAGE_REGISTRY must be lower case, got "ghcr.io/Org"`, []string{"export IMAGE_REGISTRY=ghcr.io/org", unset}},
		{"space", plan.Input{Registry: "ghcr.io/o ", Tag: "t"}, `IMAGE_REGISTRY must not hold white space, got "ghcr.io/o "`, []string{"export IMAGE_REGISTRY=ghcr.io/o", unset}},
		{"newline", plan.Input{Registry: "ghcr.io/o\n", Tag: "t"}, `IMAGE_REGISTRY must not hold white space, got "ghcr.io/o\n"`, []string{"export IMAGE_REGISTRY=ghcr.io/o", unset}},
		{"trailing slash", plan.Input{Registry: "ghcr.io/o/", Tag: "t"}, `IMAGE_REGISTRY must not end with a slash, got "ghcr.io/o/"`, []string{"export IMAGE_REGISTRY=ghcr.io/o", unset}},
		{"port 0", plan.Input{Registry: "localhost:0", Tag: "t"}, `IMAGE_REGISTRY must have a port from 1 to 65535, not "0", got "localhost:0"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"port range", plan.Input{Registry: "localhost:65536/k", Tag: "t"}, `IMAGE_REGISTRY must have a port from 1 to 65535, not "65536", got "localhost:65536/k"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"port word", plan.Input{Registry: "localhost:http/k", Tag: "t"}, `IMAGE_REGISTRY must have a port from 1 to 65535, not "http", got "localhost:http/k"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"empty port", plan.Input{Registry: "localhost:/k", Tag: "t"}, `IMAGE_REGISTRY must have a port from 1 to 65535, not "", got "localhost:/k"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"naked IPv6", plan.Input{Registry: "::1/k", Tag: "t"}, `IMAGE_REGISTRY must have an IPv6 address in brackets, got "::1/k"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"broken IPv6", plan.Input{Registry: "[::1/k", Tag: "t"}, `IMAGE_REGISTRY must have an IPv6 address in its brackets, got "[::1/k"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"no host", plan.Input{Registry: "kubernaut/dev", Tag: "t"}, `IMAGE_REGISTRY must begin with a host: "kubernaut" has neither dot nor port, got "kubernaut/dev"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"path part", plan.Input{Registry: "ghcr.io/a//b", Tag: "t"}, `IMAGE_REGISTRY must have path parts of letters and digits with single separators (. _ __ -), not "", got "ghcr.io/a//b"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"path tag", plan.Input{Registry: "ghcr.io/a:b", Tag: "t"}, `IMAGE_REGISTRY must have path parts of letters and digits with single separators (. _ __ -), not "a:b", got "ghcr.io/a:b"`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"credentials", plan.Input{Registry: "me:hunter2@ghcr.io/a", Tag: "t"}, `IMAGE_REGISTRY must not hold credentials or a digest (@)`, []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}},
		{"long tag", plan.Input{Registry: "ghcr.io/a", Tag: long}, `IMAGE_TAG must have at most 128 characters, got 129`, []string{"export IMAGE_TAG=" + long[:128], unset}},
		{"branch name", plan.Input{Registry: "ghcr.io/a", Tag: "feature/x y"}, `IMAGE_TAG must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got "feature/x y"`, []string{"export IMAGE_TAG=feature-x-y", unset}},
		{"dot first", plan.Input{Registry: "ghcr.io/a", Tag: ".x"}, `IMAGE_TAG must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got ".x"`, []string{"export IMAGE_TAG=x", unset}},
		{"umlauts", plan.Input{Registry: "ghcr.io/a", Tag: "ä"}, `IMAGE_TAG must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got "ä"`, []string{"export IMAGE_TAG=pr-123", unset}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := plan.Decide(tc.in)
			var bad *plan.InputError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an InputError", err)
			}
			if diff := cmp.Diff(&plan.InputError{Message: tc.want, Hints: tc.hints}, bad); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckRegistryAccepts(t *testing.T) {
	for _, value := range []string{
		"ghcr.io/kubernaut/kubernaut", "localhost", "localhost:5001", "localhost:65535/a/b", "127.0.0.1:5000", "[::1]:5000/k", "[fd00::1]/k",
		"10.0.0.1:443", "registry.example.com/a-b/c__d/e.f", "docker.io/library", "kind-registry:5000",
	} {
		if err := plan.CheckRegistry(value); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestLoopback(t *testing.T) {
	for repository, want := range map[string]bool{
		"localhost": true, "localhost:5001/k": true, "127.0.0.1:5000": true, "127.9.9.9/k": true, "[::1]:5000/k": true, "r.localhost:1": true,
		"ghcr.io/o": false, "localhost.example.com": false, "10.0.0.1:5000": false, "[fd00::1]/k": false,
	} {
		if got := plan.Loopback(repository); got != want {
			t.Errorf("%q: got %v, want %v", repository, got, want)
		}
	}
}
