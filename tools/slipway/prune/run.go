package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	waveSize = 100         // deletions at most between two looks at a repository
	lookAge  = time.Minute // of the look that a deletion follows from: waits for a rate limit are longer
)

// Run prunes one repository: Look, then Plan, then perhaps Delete.
type Run struct {
	Repository string // as messages name it
	Store      Store
	// RemoveWhole lets a Remover go as a whole when nothing of it stays; without it, its newest manifest stays.
	RemoveWhole bool
	Jobs        int           // deletions at the same time; 0 is 1
	LookAge     time.Duration // after which the repository is looked at again; 0 is a minute
	Progress    progress.Reporter

	policy    Policy
	manifests []Manifest
	plan      Plan

	mu      sync.Mutex
	looked  time.Time // when the last look was over
	tried   bool      // one deletion since
	deleted map[string]bool
	pinned  map[string]string // what stays after all, and why
	result  Result
	errs    []error
}

// Result is what a run has done.
type Result struct {
	Tags      int `json:"tags"`      // deleted, with their manifests or alone
	Manifests int `json:"manifests"` // deleted
	Gone      int `json:"gone"`      // that were not there any more when it was their turn
	Moved     int `json:"moved"`     // that stay because their tags have changed meanwhile
	Left      int `json:"left"`      // tags that the registry cannot remove without a manifest that stays
}

// Look reads the repository. It returns the numbers of the pull requests that have a tag there.
func (r *Run) Look(ctx context.Context) (pulls []int, err error) {
	if r.manifests, err = r.Store.Scan(ctx); err != nil {
		return nil, err
	}
	for _, m := range r.manifests {
		for _, tag := range m.Tags {
			if n := PullRequest(tag); n > 0 && !slices.Contains(pulls, n) {
				pulls = append(pulls, n)
			}
		}
	}
	slices.Sort(pulls)
	return pulls, nil
}

// Plan makes the plan that Delete follows.
func (r *Run) Plan(policy Policy) Plan {
	_, remover := r.Store.(Remover)
	policy.KeepLast = remover && !r.RemoveWhole
	r.policy, r.plan = policy, New(r.Repository, r.manifests, policy, nil)
	c := r.plan.Counts()
	r.plan.Whole = remover && r.RemoveWhole && c.ManifestsKept == 0 && c.ManifestsDeleted > 0
	if _, can := r.Store.(Untagger); !can {
		r.plan.leave(ErrUnsupported)
	}
	return r.plan
}

// leave keeps tags that cannot be removed without a manifest that stays.
func (p *Plan) leave(why error) {
	for _, loose := range p.loose() {
		i := slices.IndexFunc(p.Tags, func(t TagVerdict) bool { return t == loose })
		p.Tags[i].Delete = false
		p.Tags[i].Reason += ", but its manifest stays, and " + why.Error()
	}
}

// Delete does what the plan says, and nothing that another look forbids. It can be called again after an error.
func (r *Run) Delete(ctx context.Context) (Result, error) {
	r.deleted, r.pinned, r.result, r.errs = map[string]bool{}, map[string]string{}, Result{}, nil
	end, err := r.Store.Begin(ctx, r.plan.doomed())
	if err == nil {
		err = r.work(ctx)
	}
	if err == nil && len(r.errs) == 0 {
		err = end(ctx)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return r.result, errors.Join(append(r.errs, err)...)
}

func (r *Run) work(ctx context.Context) error {
	if r.plan.Whole {
		return r.removeWhole(ctx)
	}
	for !r.plan.Empty() {
		now, err := r.lookAgain(ctx)
		if err != nil {
			return err
		}
		r.looked, r.tried = time.Now(), false
		wave := r.wave(now)
		if len(wave) == 0 {
			return r.untag(ctx, now)
		}
		if err := each(ctx, r.Jobs, wave, r.delete); err != nil {
			return err
		}
		r.Progress.Line("%s: %d of %s deleted", r.Repository, r.result.Manifests, progress.Count(len(r.plan.doomed()), "manifest"))
	}
	return nil
}

// lookAgain makes a plan of what is there now. A registry may still list what has just been deleted.
func (r *Run) lookAgain(ctx context.Context) (Plan, error) {
	manifests, err := r.Store.Scan(ctx)
	if err != nil {
		return Plan{}, err
	}
	manifests = slices.DeleteFunc(manifests, func(m Manifest) bool { return r.deleted[m.Digest] })
	return New(r.Repository, manifests, r.policy, r.pinned), nil
}

// wave returns manifests that both plans let go, indexes before their parts, and subjects before what is attached to them: as
// long as somebody may tag a manifest anew, it is whole. Manifests may be attached in circles, an index to its own part or
// two to each other by their tags; when only such are left, being attached does not count.
func (r *Run) wave(now Plan) []Manifest {
	planned := map[string]bool{}
	for _, m := range r.plan.doomed() {
		planned[m.Digest] = true
	}
	doomed := now.doomed()
	for _, strict := range []bool{true, false} {
		held := held(doomed, strict)
		wave := slices.DeleteFunc(slices.Clone(doomed), func(m Manifest) bool { return held[m.Digest] || !planned[m.Digest] })
		if len(wave) > 0 {
			return wave[:min(len(wave), waveSize)]
		}
	}
	return nil
}

// held are the manifests that wait for another one to go first: parts for their index, what is attached for its subject.
func held(doomed []Manifest, strict bool) map[string]bool {
	there := map[string]bool{}
	for _, m := range doomed {
		there[m.Digest] = true
	}
	held := map[string]bool{}
	for _, m := range doomed {
		for _, child := range m.Children {
			held[child] = true
		}
		if strict && (there[m.Subject] || slices.ContainsFunc(m.Tags, func(tag string) bool { return there[subjectOf(tag)] })) {
			held[m.Digest] = true
		}
	}
	return held
}

// outdated reports that a push may have come to need what the last look has found unneeded. The first deletion is never too late, so
// that a run comes to an end.
func (r *Run) outdated() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	tried := r.tried
	r.tried = true
	return tried && time.Since(r.looked) >= cmp.Or(r.LookAge, lookAge)
}

// delete returns an error when the run must end. One that is too late is left to the next wave.
func (r *Run) delete(ctx context.Context, m Manifest) error {
	if r.outdated() {
		return nil
	}
	err := r.Store.Delete(ctx, m)
	r.mu.Lock()
	defer r.mu.Unlock()
	var stop *StopError
	switch {
	case err == nil:
		r.deleted[m.Digest] = true
		r.result.Manifests++
		r.result.Tags += len(m.Tags)
	case errors.Is(err, ErrGone):
		r.deleted[m.Digest] = true
		r.result.Gone++
		r.Progress.Line("%s: %s is gone already", r.Repository, short(m.Digest))
	case errors.Is(err, ErrMoved):
		r.pinned[m.Digest] = err.Error()
		r.result.Moved++
		r.Progress.Line("%s: %s stays: %v", r.Repository, short(m.Digest), err)
	case errors.As(err, &stop) || ctx.Err() != nil:
		return err
	default:
		r.pinned[m.Digest] = "it could not be deleted"
		r.errs = append(r.errs, err)
	}
	return nil
}

// untag removes the tags whose manifests stay by plan. A manifest that could not be deleted keeps its tags: another run finds it
// by them.
func (r *Run) untag(ctx context.Context, now Plan) error {
	store, can := r.Store.(Untagger)
	planned := map[string]bool{}
	for _, t := range r.plan.loose() {
		planned[t.Tag] = true
	}
	for _, t := range now.loose() {
		if !can || !planned[t.Tag] {
			continue
		}
		var stop *StopError
		switch err := store.Untag(ctx, t.Tag, t.Digest); {
		case err == nil:
			r.result.Tags++
		case errors.Is(err, ErrUnsupported):
			r.result.Left++
			r.Progress.Line("%s: tag %s stays with %s: %v", r.Repository, t.Tag, short(t.Digest), err)
		case errors.Is(err, ErrMoved):
			r.result.Moved++
		case errors.As(err, &stop) || ctx.Err() != nil:
			return err
		default:
			r.errs = append(r.errs, err)
		}
	}
	return nil
}

// removeWhole asks once more whether nothing stays.
func (r *Run) removeWhole(ctx context.Context) error {
	now, err := r.lookAgain(ctx)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for _, m := range r.plan.doomed() {
		before[m.Digest] = true
	}
	for _, m := range now.Manifests {
		if !m.Delete || !before[m.Digest] {
			return fmt.Errorf("deleting %s: %s has come meanwhile", r.Repository, short(m.Digest))
		}
	}
	if err := r.Store.(Remover).Remove(ctx); err != nil {
		return err
	}
	c := now.Counts()
	r.result = Result{Tags: c.TagsDeleted, Manifests: c.ManifestsDeleted}
	return nil
}
