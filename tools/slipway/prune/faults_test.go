package prune_test

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	real "github.com/kubernaut/kubernaut/test/distribution"
	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

// small is a world of two images of closed pull requests, one of them attached to an index, and one that stays.
func small() *world {
	w := newWorld(1)
	old := now.Add(-60 * day)
	w.tag(w.image(old, ""), "pr-2")
	w.tag(w.image(old, ""), "pr-4")
	part := w.image(old, "")
	w.tag(w.index(old, "", part), "pr-6")
	w.tag(w.image(old, ""), "v1")
	return w
}

// planned looks and plans.
func planned(t *testing.T, store prune.Store) *prune.Run {
	t.Helper()
	run := &prune.Run{Repository: "r", Store: store, Jobs: 1, Progress: progress.Discard()}
	if _, err := run.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	run.Plan(policy())
	return run
}

func both(t *testing.T, do func(t *testing.T, b backEnd, w *world)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) backEnd{
		"distribution": func(t *testing.T) backEnd { return newDistribution(t) },
		"ghcr":         func(t *testing.T) backEnd { return newPackage(t, ghcr.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			b, w := start(t), small()
			b.fill(t, w)
			do(t, b, w)
		})
	}
}

// A tag that is given to a manifest after the plan was made, or even after the repository was looked at again, keeps it.
func TestTagMoves(t *testing.T) {
	both(t, func(t *testing.T, b backEnd, w *world) {
		run := planned(t, b.open(t))
		again := &world{items: []*item{{data: w.items[0].data, mediaType: imageType, digest: w.items[0].digest, tags: []string{"v2"}}}}
		b.fill(t, again)
		var once sync.Once
		b.onDelete(func() {
			once.Do(func() {
				// One of the two that are left of this wave.
				left := b.state(t, w).Manifests
				for _, i := range w.items {
					if tag := i.tags; len(tag) > 0 && tag[0] != "pr-2" && tag[0] != "v1" && slices.Contains(left, i.digest) {
						b.fill(t, &world{items: []*item{{data: i.data, mediaType: i.mediaType, digest: i.digest, tags: []string{"v3"}}}})
						return
					}
				}
			})
		})
		result, err := run.Delete(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := b.state(t, w)
		if s.Tags["v2"] != w.items[0].digest || s.Tags["v3"] == "" || !slices.Contains(s.Manifests, s.Tags["v3"]) || !slices.Contains(s.Manifests, s.Tags["v2"]) {
			t.Errorf("got %+v", s)
		}
		if result.Moved == 0 || result.Manifests == 0 {
			t.Errorf("got %+v", result)
		}
	})
}

// A deletion that had to wait is judged anew when it is sent: a push may have given its manifest a tag meanwhile, as one to main does
// right after a pull request has been merged.
func TestTagMovesDuringWait(t *testing.T) {
	both(t, func(t *testing.T, b backEnd, w *world) {
		run := planned(t, b.open(t))
		kept := false
		b.onRequest(func(r *http.Request) *http.Response {
			if r.Method != http.MethodDelete || kept || strings.HasSuffix(r.URL.Path, strings.Repeat("0", 64)) {
				return nil
			}
			kept = true
			for _, i := range w.items {
				if len(i.tags) > 0 && i.tags[0] != "v1" {
					b.fill(t, &world{items: []*item{{data: i.data, mediaType: i.mediaType, digest: i.digest, date: i.date, tags: []string{"new-" + i.tags[0]}}}})
				}
			}
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}}
		})
		result, err := run.Delete(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, w); s.Tags["new-pr-2"] == "" || len(s.Manifests) != len(w.items) || result.Manifests != 0 {
			t.Errorf("got %+v, %+v", result, s)
		}
	})
}

// An index that is pushed while a wave is under way keeps its parts, which have no tag of their own that would tell.
func TestPartOfNewIndex(t *testing.T) {
	both(t, func(t *testing.T, b backEnd, w *world) {
		run := planned(t, b.open(t))
		run.LookAge = time.Nanosecond
		added := newWorld(2)
		var parts []*item
		b.onDelete(func() {
			b.onDelete(nil)
			left := b.state(t, w).Manifests
			for _, i := range w.items {
				if len(i.tags) > 0 && i.tags[0] != "v1" && slices.Contains(left, i.digest) {
					parts = append(parts, i)
				}
			}
			added.tag(added.index(now, "", parts...), "new")
			b.fill(t, added)
		})
		result, err := run.Delete(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left := b.state(t, w).Manifests
		for _, i := range parts {
			if !slices.Contains(left, i.digest) {
				t.Errorf("%s is a part of a new index and gone", i.digest)
			}
		}
		if result.Manifests != 1 || len(parts) != 2 {
			t.Errorf("got %+v, and %d parts", result, len(parts))
		}
	})
}

// What somebody else deletes meanwhile is said, and no error.
func TestGoneMeanwhile(t *testing.T) {
	both(t, func(t *testing.T, b backEnd, w *world) {
		run := planned(t, b.open(t))
		b.onDelete(func() {
			b.onDelete(nil)
			if _, _, err := all(t.Context(), t, b.open(t)); err != nil {
				t.Error(err)
			}
		})
		result, err := run.Delete(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, w); len(s.Manifests) != 1 || len(s.Tags) != 1 {
			t.Errorf("got %+v", s)
		}
		if result.Gone == 0 {
			t.Errorf("got %+v", result)
		}
	})
}

// refusing answers DELETE requests whose path ends so.
func refusing(status int, endings ...string) func(*http.Request) *http.Response {
	return func(r *http.Request) *http.Response {
		for _, ending := range endings {
			if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, ending) {
				return &http.Response{StatusCode: status, Header: http.Header{}}
			}
		}
		return nil
	}
}

// A registry that does not delete, or not with these credentials, is found out before anything is written.
func TestDeletesNothing(t *testing.T) {
	for status, want := range map[int]string{405: "405 Method Not Allowed", 401: "401 Unauthorized", 403: "403 Forbidden"} {
		d, w := newDistribution(t), small()
		d.fill(t, w)
		before := d.state(t, w)
		d.answer = refusing(status, "")
		result, err := planned(t, d.open(t)).Delete(t.Context())
		var stop *prune.StopError
		if !errors.As(err, &stop) || !strings.Contains(err.Error(), "deleting from "+d.repo.Name()+": "+want) || len(fault.Hints(err)) == 0 {
			t.Errorf("%d: got %v with hints %q", status, err, fault.Hints(err))
		}
		if diff := cmp.Diff(before, d.state(t, w)); diff != "" || result != (prune.Result{}) {
			t.Errorf("%d: got %+v, changes:\n%s", status, result, diff)
		}
	}
}

// Many registries know no other way to remove a tag than with its manifest, which another tag keeps here.
func TestUntagUnsupported(t *testing.T) {
	for _, status := range []int{400, 404, 405} {
		d, w := newDistribution(t), small()
		w.tag(w.items[0], "v9")
		d.fill(t, w)
		d.answer = refusing(status, "/pr-2")
		result, err := planned(t, d.open(t)).Delete(t.Context())
		if err != nil || result.Left != 1 {
			t.Errorf("%d: got %+v, %v", status, result, err)
		}
		want := map[string]string{"pr-2": w.items[0].digest, "v9": w.items[0].digest, "v1": w.items[4].digest}
		if diff := cmp.Diff(want, d.state(t, w).Tags); diff != "" {
			t.Errorf("%d: tags (-want +got):\n%s", status, diff)
		}
	}
}

// Debian's registry has no referrers API and removes no tag alone.
func TestRealRegistry(t *testing.T) {
	server := real.Start(t, real.Options{Delete: true})
	d, w := distributionAt(t, server.Host), small()
	w.tag(w.items[0], "v9")
	d.fill(t, w)
	result, err := planned(t, d.open(t)).Delete(t.Context())
	if err != nil || result.Left != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
	shared, stays := w.items[0].digest, w.items[4].digest
	want := state{Tags: map[string]string{"pr-2": shared, "v9": shared, "v1": stays}, Manifests: []string{shared, stays}}
	slices.Sort(want.Manifests)
	if diff := cmp.Diff(want, d.state(t, w)); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// One deletion that fails does not keep the others from theirs, and its manifest keeps its parts.
func TestOneFails(t *testing.T) {
	d, w := newDistribution(t), small()
	d.fill(t, w)
	index := w.items[3]
	d.answer = refusing(http.StatusConflict, index.digest)
	result, err := planned(t, d.open(t)).Delete(t.Context())
	if err == nil || !strings.Contains(err.Error(), "409 Conflict") || result.Manifests != 2 {
		t.Errorf("got %+v, %v", result, err)
	}
	if s := d.state(t, w); !slices.Contains(s.Manifests, index.children[0]) || s.Tags["pr-6"] == "" {
		t.Errorf("got %+v", s)
	}
	d.answer = nil
	if _, _, err := all(t.Context(), t, d.open(t)); err != nil {
		t.Fatal(err)
	}
	if s := d.state(t, w); len(s.Manifests) != 1 || len(s.Tags) != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestTokens(t *testing.T) {
	expired := ghcr.Workflow("kubernaut/kubernaut", "expired")
	expired.Expired = true
	for _, tc := range []struct {
		name    string
		account ghcr.Account
		want    string
	}{
		{"expired", expired, "403 Forbidden"},
		{"fork", ghcr.Fork("kubernaut/kubernaut", "fork"), "403 Forbidden (Resource not accessible by integration)"},
		{"reads", ghcr.Personal("me", "reads", []string{"read:packages"}, "kubernaut"), "the token has the scopes read:packages, and not delete:packages"},
		{"nobody's", ghcr.Account{User: "stranger", Token: "stranger"}, "403 Forbidden"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, w := newPackage(t, ghcr.Options{Accounts: []ghcr.Account{tc.account}}), small()
			p.fill(t, w)
			before := p.state(t, w)
			p.token = tc.account.Token
			store, err := p.tryOpen(t)
			if err == nil {
				_, _, err = all(t.Context(), t, store)
			}
			var stop *prune.StopError
			if !errors.As(err, &stop) || !strings.Contains(err.Error(), tc.want) || len(fault.Hints(err)) == 0 || strings.Contains(err.Error(), tc.account.Token+" ") {
				t.Errorf("got %v with hints %q", err, fault.Hints(err))
			}
			if diff := cmp.Diff(before, p.state(t, w)); diff != "" {
				t.Errorf("changes:\n%s", diff)
			}
		})
	}
}

// A workflow has no login that could be refreshed: its job has permissions, and the package has a page.
func TestWorkflowRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		people []string
		page   string
	}{
		"organization": {nil, "orgs"},
		"user":         {[]string{"kubernaut"}, "users"},
	} {
		t.Run(name, func(t *testing.T) {
			p, w := newPackage(t, ghcr.Options{Accounts: []ghcr.Account{ghcr.Fork("kubernaut/kubernaut", "fork")}, People: tc.people}), small()
			p.fill(t, w)
			p.token = "fork"
			_, _, err := all(t.Context(), t, p.open(t))
			want := []string{
				"permissions: {contents: read, packages: write, pull-requests: read}   # of the workflow's job",
				"xdg-open https://github.com/" + tc.page + "/kubernaut/packages/container/kubernaut%2Fgateway/settings   # Manage Actions access: add the repository with the role Admin",
			}
			var stop *prune.StopError
			if !errors.As(err, &stop) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(want, fault.Hints(stop)); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
}

// GitHub's limits are waited for, or end the run; the next one does the rest.
func TestGitHubLimits(t *testing.T) {
	p, w := newPackage(t, ghcr.Options{Secondary: 3}), small()
	p.fill(t, w)
	if _, result, err := all(t.Context(), t, p.open(t)); err != nil || result.Manifests != 4 {
		t.Errorf("got %+v, %v", result, err)
	}
	p, w = newPackage(t, ghcr.Options{RateLimit: 9}), small()
	p.fill(t, w)
	_, result, err := all(t.Context(), t, p.open(t))
	var wait *prune.WaitError
	if !errors.As(err, &wait) || result.Manifests == 0 || result.Manifests == 4 {
		t.Errorf("got %+v, %v", result, err)
	}
	if hints := fault.Hints(err); len(hints) != 1 || !strings.HasPrefix(hints[0], "--max-wait=") {
		t.Errorf("got hints %q", hints)
	}
	if s := p.state(t, w); s.Tags["v1"] == "" || len(s.Manifests) != len(w.items)-result.Manifests {
		t.Errorf("got %+v", s)
	}
}

// A limit that does not go away ends the run at the first deletion: who goes on asking is barred.
func TestLimitStays(t *testing.T) {
	for name, refused := range map[string]*http.Response{
		"429":        {StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}},
		"the hour's": {StatusCode: http.StatusForbidden, Header: http.Header{"X-Ratelimit-Remaining": {"0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, b backEnd, w *world) {
				run, asked := planned(t, b.open(t)), map[string]bool{}
				b.onRequest(func(r *http.Request) *http.Response {
					if r.Method != http.MethodDelete {
						return nil
					}
					asked[r.URL.Path] = true
					return &http.Response{StatusCode: refused.StatusCode, Header: refused.Header.Clone()}
				})
				result, err := run.Delete(t.Context())
				var stop *prune.StopError
				if !errors.As(err, &stop) || len(asked) != 1 || result != (prune.Result{}) || len(fault.Hints(err)) == 0 {
					t.Fatalf("got %+v, %v with hints %q after %d deletions", result, err, fault.Hints(err), len(asked))
				}
				if strings.Contains(err.Error(), "http://") {
					t.Errorf("%v has an address", err)
				}
			})
		})
	}
}

// A version that is listed, and whose content is gone.
func TestHalfDeleted(t *testing.T) {
	p, w := newPackage(t, ghcr.Options{}), small()
	p.fill(t, w)
	lost := w.items[0].digest
	p.answer = func(r *http.Request) *http.Response {
		if strings.HasSuffix(r.URL.Path, "/manifests/"+lost) {
			return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}}
		}
		return nil
	}
	plan, _, err := all(t.Context(), t, p.open(t))
	if err != nil {
		t.Fatal(err)
	}
	if s := p.state(t, w); len(s.Manifests) != 1 || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "its content is gone") {
		t.Errorf("got %+v, notes %q", s, plan.Notes)
	}
}

// GitHub answers 404 about what a token may not see or do. That is neither an empty package nor a version that has been deleted.
func TestNotFoundIsARefusal(t *testing.T) {
	for _, tc := range []struct{ method, ending, want string }{
		{http.MethodGet, "/versions", "listing versions of HOST/" + packageName + ": 404 Not Found, but the registry has 4 tags of it: the token may not see them"},
		{http.MethodDelete, "", "deleting sha256:DIGEST from HOST/" + packageName + ": 404 Not Found, though it is there: the token may not delete it"},
	} {
		p, w := newPackage(t, ghcr.Options{}), small()
		p.fill(t, w)
		before := p.state(t, w)
		p.answer = func(r *http.Request) *http.Response {
			if r.Method == tc.method && strings.HasSuffix(r.URL.Path, tc.ending) {
				return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}}
			}
			return nil
		}
		_, result, err := all(t.Context(), t, p.open(t))
		var stop *prune.StopError
		if !errors.As(err, &stop) || result != (prune.Result{}) {
			t.Fatalf("got %+v, %v", result, err)
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		got := regexp.MustCompile(`sha256:[0-9a-f]{12}`).ReplaceAllString(strings.ReplaceAll(first, p.server.Host, "HOST"), "sha256:DIGEST")
		hints := []string{
			"xdg-open https://github.com/orgs/kubernaut/packages/container/kubernaut%2Fgateway/settings   # Manage Actions access: add the repository with the role Admin",
			"gh auth refresh --scopes=read:packages,delete:packages",
		}
		if diff := cmp.Diff(append([]string{tc.want}, hints...), append([]string{got}, fault.Hints(stop)...)); diff != "" {
			t.Errorf("error and hints (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, p.state(t, w)); diff != "" {
			t.Errorf("changes:\n%s", diff)
		}
	}
}

// Versions that are deleted between two pages move others to a page that has been read. The list is read until it stands still.
func TestListingMoves(t *testing.T) {
	p, w := newPackage(t, ghcr.Options{PerPage: 2}), small()
	p.fill(t, w)
	var once sync.Once
	p.answer = func(r *http.Request) *http.Response {
		if r.URL.Query().Get("page") == "2" {
			once.Do(func() { p.remove(t, p.server.Versions(packageName)[0]) })
		}
		return nil
	}
	got, err := p.open(t).Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(w.items)-1 {
		t.Errorf("got %d manifests, want %d", len(got), len(w.items)-1)
	}
}

// remove deletes a version as another client does.
func (p *packageOf) remove(t *testing.T, v ghcr.Version) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, p.server.API+"/orgs/kubernaut/packages/container/kubernaut%2Fgateway/versions/"+strconv.FormatInt(v.ID, 10), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+rightToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("got %v, %v", resp, err)
	}
	resp.Body.Close()
}

// Users' packages have other addresses than organizations'.
func TestUser(t *testing.T) {
	p, w := newPackage(t, ghcr.Options{People: []string{"kubernaut"}}), small()
	p.fill(t, w)
	if _, result, err := all(t.Context(), t, p.open(t)); err != nil || result.Manifests != 4 {
		t.Errorf("got %+v, %v", result, err)
	}
}
