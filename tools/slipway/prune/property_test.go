package prune_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

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
		"distribution": func(t *testing.T) (backEnd, bool) { return newDistribution(t), false },
		"ghcr":         func(t *testing.T) (backEnd, bool) { return newPackage(t, ghcr.Options{}), true },
	}
	for kind, start := range backEnds {
		for seed, tags := range []int{500, 120, 500, 120, 120, 90, 90} {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(uint64(seed))
				w.fill(tags)
				b, lists := start(t)
				b.fill(t, w)
				want := reference{w, lists}.left()
				checkPlan(t, b, w, want)
				if seed > 1 {
					kill(t, b, w, want, uint64(seed))
				} else if _, _, err := all(t.Context(), t, b.open(t)); err != nil {
					t.Fatal(err)
				}
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
	if c := plan.Counts(); c.ManifestsDeleted == 0 || c.ManifestsKept == 0 {
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
