package prune_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

// backEnd is a repository in a running registry.
type backEnd interface {
	fill(t *testing.T, w *world)
	open(t *testing.T) prune.Store // by new connections, as another process would
	state(t *testing.T, w *world) state
	onDelete(func()) // called after each deletion; nil to stop that
}

// distribution is a registry with the distribution API alone.
type distribution struct {
	repo    name.Repository
	hook    atomic.Pointer[func()]
	refuse  func(http.ResponseWriter, *http.Request) bool // answers in the registry's place
	deletes atomic.Int64
}

func newDistribution(t *testing.T, referrers bool) *distribution {
	d := &distribution{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(referrers))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.refuse != nil && d.refuse(w, r) {
			return
		}
		inner.ServeHTTP(w, r)
		if r.Method == http.MethodDelete && !strings.HasSuffix(r.URL.Path, strings.Repeat("0", 64)) {
			d.deletes.Add(1)
			if hook := d.hook.Load(); hook != nil {
				(*hook)()
			}
		}
	}))
	t.Cleanup(server.Close)
	var err error
	if d.repo, err = name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/k/gateway"); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *distribution) fill(t *testing.T, w *world) { w.push(t, d.repo) }

func (d *distribution) onDelete(hook func()) {
	if hook == nil {
		d.hook.Store(nil)
		return
	}
	d.hook.Store(&hook)
}

func (d *distribution) client() prune.Client {
	return prune.Client{Transport: &prune.Limits{Inner: http.DefaultTransport, Progress: progress.Discard()}, Jobs: 8}
}

func (d *distribution) open(t *testing.T) prune.Store {
	t.Helper()
	store, err := prune.OpenRepository(t.Context(), d.client(), d.repo.Name(), true)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (d *distribution) state(t *testing.T, w *world) state {
	t.Helper()
	s := state{Tags: map[string]string{}}
	for _, i := range w.items {
		if _, err := remote.Head(d.repo.Digest(i.digest)); err == nil {
			s.Manifests = append(s.Manifests, i.digest)
		}
	}
	slices.Sort(s.Manifests)
	tags, err := remote.List(d.repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		head, err := remote.Head(d.repo.Tag(tag))
		if err != nil {
			t.Fatal(err)
		}
		s.Tags[tag] = head.Digest.String()
	}
	return s
}

// all prunes until the end.
func all(ctx context.Context, t *testing.T, store prune.Store) (prune.Plan, prune.Result, error) {
	t.Helper()
	run := &prune.Run{Repository: "the repository", Store: store, Jobs: 4, Progress: progress.Discard()}
	if _, err := run.Look(ctx); err != nil {
		return prune.Plan{}, prune.Result{}, err
	}
	plan := run.Plan(policy())
	result, err := run.Delete(ctx)
	return plan, result, err
}

// Pruning leaves exactly what the reference says, and a run that is killed at any point loses nothing of it and leaves no more
// than the next one removes.
func TestPrune(t *testing.T) {
	backEnds := map[string]func(*testing.T) (backEnd, bool){
		"distribution": func(t *testing.T) (backEnd, bool) { return newDistribution(t, true), false },
	}
	for kind, start := range backEnds {
		for seed, tags := range []int{500, 500, 120, 120, 120, 60, 60, 60} {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(uint64(seed))
				w.fill(tags)
				b, lists := start(t)
				b.fill(t, w)
				want := reference{w, lists}.left()
				checkPlan(t, b, w, want)
				kill(t, b, w, want, uint64(seed))
				if diff := cmp.Diff(want, b.state(t, w)); diff != "" {
					t.Errorf("state (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// checkPlan makes a plan, deletes nothing, and compares.
func checkPlan(t *testing.T, b backEnd, w *world, want state) {
	t.Helper()
	before := b.state(t, w)
	run := &prune.Run{Store: b.open(t), Progress: progress.Discard()}
	if _, err := run.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := maps.Clone(before.Tags)
	plan := run.Plan(policy())
	for _, tag := range plan.Tags {
		if tag.Delete {
			delete(left, tag.Tag)
		}
	}
	if diff := cmp.Diff(want.Tags, left); diff != "" {
		t.Errorf("tags of the plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, b.state(t, w)); diff != "" {
		t.Errorf("the plan changed something:\n%s", diff)
	}
	if c := plan.Counts(); c.ManifestsDeleted == 0 || c.TagsDeleted == 0 || c.ManifestsKept == 0 {
		t.Errorf("got %+v, which proves nothing", c)
	}
}

// kill prunes, killed after some deletions each time, until a run ends.
func kill(t *testing.T, b backEnd, w *world, want state, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	for kills := 0; ; kills++ {
		ctx, cancel := context.WithCancel(t.Context())
		left := atomic.Int64{}
		left.Store(1 + random.Int64N(int64(10+len(w.items)/8)))
		b.onDelete(func() {
			if left.Add(-1) <= 0 {
				cancel()
			}
		})
		_, _, err := all(ctx, t, b.open(t))
		b.onDelete(nil)
		killed := ctx.Err() != nil
		cancel()
		if !killed {
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("killed %d times", kills)
			return
		}
		checkNothingLost(t, want, b.state(t, w))
	}
}

func checkNothingLost(t *testing.T, want, got state) {
	t.Helper()
	for _, digest := range want.Manifests {
		if !slices.Contains(got.Manifests, digest) {
			t.Fatalf("%s is lost", digest)
		}
	}
	for tag, digest := range want.Tags {
		if got.Tags[tag] != digest {
			t.Fatalf("tag %s is %q, want %s", tag, got.Tags[tag], digest)
		}
	}
}
