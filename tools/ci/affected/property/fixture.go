package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/ci/affected"
	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
)

// cold is how often both states are evaluated from nothing, in steps: it takes two restarts of Bazel's server.
const cold = 20

// counts are one kind's.
type counts struct {
	edits, changed, over, missed int
}

// fixtureRun makes random edits, one after the other, and compares the answer with what the tests' processes get.
type fixtureRun struct {
	*workspace
	finder affected.Finder
	seed   uint64
	counts map[string]*counts
	truths map[string]string // of the state before
	faults []error
}

func (f *fixtureRun) run(ctx context.Context, here string, n int) error {
	if err := f.write(ctx, here); err != nil {
		return err
	}
	var err error
	if f.truths, err = f.truth(ctx); err != nil {
		return err
	}
	if err := f.steady(ctx); err != nil {
		return err
	}
	for step, e := range f.plan(n) {
		if err := f.step(ctx, step, e); err != nil {
			return fmt.Errorf("edit %d, %s: %w", step+1, e.kind, err)
		}
	}
	changed := 0
	for _, c := range f.counts {
		changed += c.changed
	}
	if changed < n { // most edits change several tests
		f.faults = append(f.faults, fmt.Errorf("%d edits changed what %d tests got: the truth does not see them", n, changed))
	}
	return errors.Join(f.faults...)
}

// steady makes sure that the truth is one: the same files give the same hashes.
func (f *fixtureRun) steady(ctx context.Context) error {
	again, err := f.truth(ctx)
	if err == nil && !maps.Equal(again, f.truths) {
		err = errors.New("the truth of the same files differs")
	}
	return err
}

// plan has each kind at least once if n allows, in an order of the seed.
func (f *fixtureRun) plan(n int) []edit {
	r := rand.New(rand.NewPCG(f.seed, 1))
	var all []edit
	for len(all) < n {
		kinds := edits()
		r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		all = append(all, kinds...)
	}
	return all[:n]
}

func (f *fixtureRun) step(ctx context.Context, step int, e edit) error {
	did, err := e.do(f.workspace, &random{rand.New(rand.NewPCG(f.seed, uint64(step+2))), 1000 * (step + 1)})
	if err != nil {
		return err
	}
	dirty, err := f.finder.Find(ctx, "HEAD", affected.WorkTree)
	if err != nil {
		return err
	}
	if err := f.commit(ctx, e.kind); err != nil {
		return err
	}
	if err := f.again(ctx, step, dirty); err != nil {
		return err
	}
	truths, err := f.truth(ctx)
	if err != nil {
		return err
	}
	f.compare(step, e, did, dirty, truths)
	f.truths = truths
	return nil
}

// again asks in other ways: of the commit in a clean work tree, which the next edit's base is then known from, and sometimes without
// anything that is kept.
func (f *fixtureRun) again(ctx context.Context, step int, want affected.Answer) error {
	got, err := f.finder.Find(ctx, "HEAD^", affected.WorkTree)
	if err != nil {
		return err
	}
	if !slices.Equal(got.Tests, want.Tests) {
		f.faults = append(f.faults, fmt.Errorf("edit %d: a new file and a committed one give %v and %v", step+1, want.Tests, got.Tests))
	}
	if step%cold != cold/2 {
		return nil
	}
	fresh := f.finder
	fresh.Store = snapshot.Store{}
	if got, err = fresh.Find(ctx, "HEAD^", "HEAD"); err != nil {
		return err
	}
	if !slices.Equal(got.Tests, want.Tests) {
		f.faults = append(f.faults, fmt.Errorf("edit %d: kept digests and new ones give %v and %v", step+1, want.Tests, got.Tests))
	}
	return nil
}

func (f *fixtureRun) compare(step int, e edit, did string, answer affected.Answer, truths map[string]string) {
	var missed, over, changed []string
	for label, now := range truths {
		said := slices.Contains(answer.Tests, label)
		is := f.truths[label] != now
		if is {
			changed = append(changed, label)
		}
		switch {
		case is && !said:
			missed = append(missed, label)
		case said && !is:
			over = append(over, label)
		}
	}
	c := f.counts[e.kind]
	if c == nil {
		c = &counts{}
		f.counts[e.kind] = c
	}
	c.edits++
	c.changed, c.over, c.missed = c.changed+len(changed), c.over+len(over), c.missed+len(missed)
	fmt.Fprintf(f.log, "edit %d, %s, %s: %d of %d tests changed, %d said\n", step+1, e.kind, did, len(changed), len(truths), len(answer.Tests))
	if len(missed) > 0 {
		f.faults = append(f.faults, fmt.Errorf("edit %d, %s, %s: not said to be affected: %v", step+1, e.kind, did, missed))
	}
	if len(over) > 0 && e.exact && !answer.All {
		f.faults = append(f.faults, fmt.Errorf("edit %d, %s, %s: said to be affected and are not: %v", step+1, e.kind, did, over))
	}
	f.suites(step, answer)
}

// suites checks that the answer's suites are its tests.
func (f *fixtureRun) suites(step int, answer affected.Answer) {
	var want []string
	for _, label := range answer.Tests {
		if name, inside := strings.CutPrefix(label, "//test/e2e:"); inside {
			want = append(want, strings.TrimSuffix(name, "_test"))
		}
	}
	if !slices.Equal(want, answer.Suites) {
		f.faults = append(f.faults, fmt.Errorf("edit %d: got suites %v, want %v", step+1, answer.Suites, want))
	}
}

func (f *fixtureRun) table() string {
	var b strings.Builder
	var all counts
	fmt.Fprint(&b, "| edit | times | tests changed | not said | said too much |\n|---|---|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(f.counts)) {
		c := f.counts[kind]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", kind, c.edits, c.changed, c.missed, c.over)
		all = counts{all.edits + c.edits, all.changed + c.changed, all.over + c.over, all.missed + c.missed}
	}
	fmt.Fprintf(&b, "| all | %d | %d | %d | %d |\n", all.edits, all.changed, all.missed, all.over)
	return b.String()
}

func newFixture(dir string, seed uint64) *fixtureRun {
	w := &workspace{dir: filepath.Join(dir, "fixture"), output: filepath.Join(dir, "output"), log: os.Stderr}
	cache := filepath.Join(dir, "cache")
	return &fixtureRun{workspace: w, seed: seed, counts: map[string]*counts{}, finder: affected.Finder{
		Workspace: w.dir, Package: "test/e2e", Cache: cache, Store: snapshot.Store{Dir: filepath.Join(cache, "snapshots")},
		Bazel: snapshot.Bazel{OutputBase: w.output}, Log: w.log,
	}}
}
