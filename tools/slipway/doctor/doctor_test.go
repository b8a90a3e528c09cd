package doctor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/doctor"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func TestExamine(t *testing.T) {
	const (
		answers  = "registry ok answers"
		asUser   = "login ok as octocat"
		limit    = "limit ok 4999 of 5000 REST requests left"
		noLimit  = "limit ok 5000 of 5000 REST requests left"
		allowed  = "push ok allowed"
		there    = "image ok there, by digest"
		secret   = "nodes ok private; nodes get the credentials of octocat as a pull secret"
		settings = "xdg-open https://github.com/orgs/kubernaut/packages/container/kubernaut%2F"
		job      = "permissions: {contents: read, packages: write}   # of the workflow's job"
	)
	for _, tc := range []struct {
		name         string
		options      ghcr.Options
		token, image string
		edit         func(*doctor.Config)
		want         []string
	}{
		{
			name: "all well", token: "writer", image: "gateway",
			want: []string{answers, noLimit, asUser, allowed, there, secret},
		}, {
			name: "a new package", token: "workflow", image: "new",
			want: []string{answers, noLimit, asUser, allowed, "image ok not there; a run or a push sends it", secret},
		}, {
			name: "a public package", token: "workflow", image: "open",
			want: []string{answers, noLimit, asUser, allowed, there, "nodes ok public; nodes need no pull secret"},
		}, {
			name: "this machine's registry", token: "writer", image: "gateway", edit: func(c *doctor.Config) { c.Loopback = true },
			want: []string{answers, noLimit, asUser, allowed, there, "nodes ok on this machine; nodes reach it by a relay"},
		}, {
			name: "an upload that cannot be cancelled", options: ghcr.Options{NoCancel: true}, token: "writer", image: "gateway",
			want: []string{answers, noLimit, asUser, "push ok allowed; the registry keeps the upload that asked for it until it expires", there, secret},
		}, {
			name: "not logged in", image: "gateway",
			want: []string{
				answers, "login failure nobody is logged in | docker login HOST",
				"push failure 401 Unauthorized (authentication required): nobody is logged in | docker login HOST | --destination=kind",
				"image failure HOST/kubernaut/kubernaut/gateway@DIGEST is not there and cannot be pushed | tools/bazelw run //services:push -- --registry=HOST/kubernaut/kubernaut   # by somebody who may | --destination=kind",
				"nodes failure private, and there is no pull secret for the nodes: no user and password are stored for HOST | docker login HOST | --destination=kind",
			},
		}, {
			name: "a wrong or expired password", token: "nonsense", image: "gateway",
			want: []string{answers, "login failure the credentials of octocat are wrong or have expired: 403 Forbidden (denied) | docker login HOST"},
		}, {
			name: "a wrong password in a workflow", token: "nonsense", image: "gateway", edit: func(c *doctor.Config) { c.Run.Actions = true },
			want: []string{answers, `login failure the credentials of octocat are wrong or have expired: 403 Forbidden (denied) | echo "$GITHUB_TOKEN" | docker login HOST --username "$GITHUB_ACTOR" --password-stdin`},
		}, {
			name: "a fork's token", token: "fork", image: "gateway", edit: func(c *doctor.Config) { c.Run.Actions, c.Run.Fork = true, true },
			want: []string{
				answers, limit, asUser,
				"push failure 403 Forbidden (permission_denied: write_package): a fork's token is read-only; a run delivers the same digests into kind instead | --destination=kind",
				there, secret,
			},
		}, {
			name: "a job without the permission", token: "fork", image: "gateway", edit: func(c *doctor.Config) { c.Run.Actions = true },
			want: []string{
				answers, limit, asUser,
				`push failure 403 Forbidden (permission_denied: write_package): the workflow's token is read-only: its job lacks "packages: write" | ` + job,
				there, secret,
			},
		}, {
			name: "a job without the permission, a new package", token: "fork", image: "new",
			want: []string{
				answers, "limit ok 4998 of 5000 REST requests left", asUser,
				`push failure 403 Forbidden (installation not allowed to Create organization package): the workflow's token is read-only: its job lacks "packages: write" | ` + job,
				"image failure HOST/kubernaut/kubernaut/new@" + absent + " is not there and cannot be pushed | tools/bazelw run //services:push -- --registry=HOST/kubernaut/kubernaut   # by somebody who may | --destination=kind",
				secret,
			},
		}, {
			name: "a token without write:packages", token: "reader", image: "gateway",
			want: []string{
				answers, limit, asUser,
				"push failure 403 Forbidden (permission_denied: The token provided does not match expected scopes.): the token lacks write:packages | gh auth refresh --scopes write:packages | gh auth token | docker login HOST --username octocat --password-stdin",
				there, secret,
			},
		}, {
			name: "linked to another repository", token: "workflow", image: "foreign", edit: func(c *doctor.Config) { c.Run.Actions = true },
			want: []string{
				answers, limit, asUser,
				"push failure 403 Forbidden (permission_denied: write_package): the package is linked to kubernaut/website, not to kubernaut/kubernaut | " + settings + "foreign/settings   # Manage Actions access: add kubernaut/kubernaut with the role Write",
				there, secret,
			},
		}, {
			name: "a user's, linked to another repository", options: ghcr.Options{People: []string{"kubernaut"}}, token: "workflow", image: "foreign",
			want: []string{
				answers, "limit ok 4998 of 5000 REST requests left", asUser,
				"push failure 403 Forbidden (permission_denied: write_package): the package is linked to kubernaut/website, not to kubernaut/kubernaut | " + strings.Replace(settings, "/orgs/", "/users/", 1) + "foreign/settings   # Manage Actions access: add kubernaut/kubernaut with the role Write",
				there, secret,
			},
		}, {
			name: "linked to none", token: "workflow", image: "loose",
			want: []string{
				answers, limit, asUser,
				"push failure 403 Forbidden (permission_denied: write_package): the package is linked to no repository, not to kubernaut/kubernaut | " + settings + "loose/settings   # Manage Actions access: add kubernaut/kubernaut with the role Write",
				there, secret,
			},
		}, {
			name: "linked to another, and nothing known of it", token: "workflow", image: "foreign", edit: func(c *doctor.Config) { c.GitHub = nil },
			want: []string{
				answers, asUser,
				"push failure 403 Forbidden (permission_denied: write_package): the token is read-only, or the package is not linked to its repository | " + settings + "foreign/settings   # Manage Actions access: add the repository with the role Write | " + job,
				there, secret,
			},
		}, {
			name: "somebody else's", token: "stranger", image: "gateway",
			want: []string{
				answers, "limit ok 4998 of 5000 REST requests left", asUser,
				"push failure 403 Forbidden (requested access to the resource is denied): these credentials may not write it | docker login HOST | --destination=kind",
				"image failure HOST/kubernaut/kubernaut/gateway@DIGEST is not there and cannot be pushed | tools/bazelw run //services:push -- --registry=HOST/kubernaut/kubernaut   # by somebody who may | --destination=kind",
				"nodes failure private, and nodes cannot pull as octocat: 403 Forbidden (requested access to the resource is denied) | --destination=kind",
			},
		}, {
			name: "no pull secret", token: "writer", image: "gateway", edit: func(c *doctor.Config) { c.Secret = false },
			want: []string{
				answers, noLimit, asUser, allowed, there,
				"nodes failure private, and there is no pull secret for the nodes: no user and password are stored for HOST | docker login HOST | --destination=kind",
			},
		}, {
			name: "the registry's limit", options: ghcr.Options{Busy: 1000}, token: "writer", image: "gateway",
			want: []string{"limit failure the registry takes no more requests for now: 429 Too Many Requests (retry-after: 1ms, allowed: 44000/minute) | sleep 60 | --destination=kind"},
		}, {
			name: "a moment's limit", options: ghcr.Options{Busy: 2}, token: "writer", image: "gateway",
			want: []string{answers, noLimit, asUser, allowed, there, secret},
		}, {
			name: "GitHub's limit", token: "reader", image: "gateway",
			options: ghcr.Options{RateLimit: 1, Now: func() time.Time { return time.Date(2026, 1, 2, 10, 30, 0, 0, time.UTC) }},
			want: []string{
				answers, "limit warning all 1 REST requests of the hour are used, until 11:00 UTC; a push needs none | gh api rate_limit", asUser,
				"push failure 403 Forbidden (permission_denied: The token provided does not match expected scopes.): the token lacks write:packages | gh auth refresh --scopes write:packages | gh auth token | docker login HOST --username octocat --password-stdin",
				there, secret,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newClinic(t, tc.options)
			config := s.config(tc.token, tc.image)
			if tc.edit != nil {
				tc.edit(&config)
			}
			versions := s.Versions(repository + "/" + tc.image)
			got := examine(t, s, config)
			var want []string
			for _, line := range tc.want {
				want = append(want, strings.ReplaceAll(line, "DIGEST", s.digests[repository+"/"+tc.image]))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			if left := s.Uploads(); left != 0 && !tc.options.NoCancel {
				t.Errorf("%d uploads are left", left)
			}
			if diff := cmp.Diff(versions, s.Versions(repository+"/"+tc.image)); diff != "" {
				t.Errorf("something was written:\n%s", diff)
			}
		})
	}
}

// What help says about the price: 3 requests, and 8 for each image.
func TestRequests(t *testing.T) {
	s := newClinic(t, ghcr.Options{})
	config := s.config("writer", "gateway")
	config.GitHub = nil
	for _, image := range []string{"foreign", "loose"} {
		config.Images = append(config.Images, s.config("writer", image).Images...)
	}
	report, err := doctor.Examine(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	var made, received int64
	for _, c := range s.Counts() {
		received += c.Received
		for _, n := range c.Requests {
			made += int64(n)
		}
	}
	if report.Requests != made || made > 3+8*3 || received != 0 {
		t.Errorf("got %d requests, the registry counts %d and %d bytes, want at most 27 and none", report.Requests, made, received)
	}
	if s.Uploads() != 0 {
		t.Errorf("%d uploads are left", s.Uploads())
	}
}

func TestUnreachable(t *testing.T) {
	s := newClinic(t, ghcr.Options{})
	config := s.config("writer", "gateway")
	s.Close()
	got := examine(t, s, config)
	if len(got) != 1 || !strings.Contains(got[0], "registry failure") || !strings.Contains(got[0], "connection refused | unset IMAGE_REGISTRY IMAGE_TAG | --destination=kind") {
		t.Errorf("got %q", got)
	}
}

// GitHub's API may not answer at all; the registry's answers are reported all the same.
func TestSilentAPI(t *testing.T) {
	s := newClinic(t, ghcr.Options{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	config := s.config("fork", "gateway")
	config.GitHub = &doctor.GitHub{API: silent.URL, Token: "fork", Limit: 50 * time.Millisecond}
	got := strings.Join(examine(t, s, config), "\n")
	for _, want := range []string{"limit warning GitHub's REST API does not answer: context deadline exceeded", "push failure 403 Forbidden (permission_denied: write_package)"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestVariables(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   plan.Input
		want doctor.Check
	}{
		{"none", plan.Input{}, doctor.Check{State: doctor.OK, Finding: "IMAGE_REGISTRY and IMAGE_TAG are not set: runs deliver into kind, and build nothing"}},
		{"none in CI", plan.Input{Automated: true}, doctor.Check{
			State: doctor.OK, Finding: "IMAGE_REGISTRY and IMAGE_TAG are not set: runs deliver into kind, and build nothing",
			Hints: []string{"export IMAGE_REGISTRY=ghcr.io/${GITHUB_REPOSITORY,,} IMAGE_TAG=pr-123"},
		}},
		{"one alone", plan.Input{Registry: "ghcr.io/k"}, doctor.Check{State: doctor.Failure, Finding: "IMAGE_REGISTRY is set but IMAGE_TAG is not", Hints: []string{"export IMAGE_TAG=pr-123", "unset IMAGE_REGISTRY"}}},
		{"upper case", plan.Input{Registry: "ghcr.io/Kubernaut/k", Tag: "t"}, doctor.Check{State: doctor.Failure, Finding: `IMAGE_REGISTRY must be lower case, got "ghcr.io/Kubernaut/k"`, Hints: []string{"export IMAGE_REGISTRY=ghcr.io/kubernaut/k", "unset IMAGE_REGISTRY IMAGE_TAG"}}},
		{"CI's", plan.Input{Registry: "ghcr.io/k", Tag: "t", Automated: true}, doctor.Check{State: doctor.OK, Finding: "destination: registry, because IMAGE_REGISTRY=ghcr.io/k and IMAGE_TAG=t are set"}},
		{"left over", plan.Input{Registry: "ghcr.io/k", Tag: "t"}, doctor.Check{
			State: doctor.Warning, Hints: []string{"unset IMAGE_REGISTRY IMAGE_TAG", "--destination=kind"},
			Finding: "destination: registry, because IMAGE_REGISTRY=ghcr.io/k and IMAGE_TAG=t are set in this shell, not by CI; into kind instead: unset IMAGE_REGISTRY IMAGE_TAG",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, chosen := doctor.Variables(tc.in)
			tc.want.Name = "variables"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
			if want := tc.in.Registry; tc.want.State != doctor.Failure && chosen != want {
				t.Errorf("got registry %q, want %q", chosen, want)
			}
		})
	}
}

func TestFork(t *testing.T) {
	event := func(head, base string) string {
		return fmt.Sprintf(`{"pull_request": {"head": {"repo": {"full_name": %q}}, "base": {"repo": {"full_name": %q}}}}`, head, base)
	}
	for data, want := range map[string]bool{
		event("mallory/kubernaut", repository): true,
		event(repository, repository):          false,
		`{"pull_request": {"head": {"repo": null}, "base": {"repo": {"full_name": "kubernaut/kubernaut"}}}}`: true, // a deleted fork
		`{"ref": "refs/heads/main"}`: false,
		`nonsense`:                   false,
	} {
		if got := doctor.Fork([]byte(data)); got != want {
			t.Errorf("%s: got %v", data, got)
		}
	}
}

func TestTable(t *testing.T) {
	r := doctor.Report{Checks: []doctor.Check{{Name: "variables", State: doctor.OK, Finding: "not set"}}}
	for _, n := range []string{"a", "b", "c", "d"} {
		r.Checks = append(r.Checks, doctor.Check{Name: "push", Subject: "r.io/k/" + n, State: doctor.Failure, Finding: "denied", Hints: []string{"docker login r.io"}})
	}
	var b strings.Builder
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	const want = `check      state    about               finding
variables  ok       -                   not set
push       failure  r.io/k/{a, b, … 4}  denied
                                          docker login r.io
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if n := len(r.Failures()); n != 4 {
		t.Errorf("got %d failures", n)
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"subject":"r.io/k/a","state":"failure"`) {
		t.Errorf("got %s, %v", data, err)
	}
}
