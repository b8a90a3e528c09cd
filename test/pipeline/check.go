package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// checkJobs says which jobs have not ended as they must.
func (r *report) checkJobs() []error {
	var errs []error
	for _, j := range r.jobs {
		want := workflow.Success
		if j.ID == "images" && r.kind.fork {
			want = workflow.Skipped
		}
		if j.Result.Result != want {
			errs = append(errs, fmt.Errorf("job %s: %s, want %s", j.Name(), j.Result.Result, want))
			if j.Err != nil { // one that was skipped has none
				errs = append(errs, fmt.Errorf("job %s: %w", j.Name(), j.Err))
			}
		}
	}
	return errs
}

// check says what must be true of a change's run. packages is how many the registry has by now.
func (r *report) check(packages int) error {
	errs := r.checkJobs()
	if !slices.ContainsFunc(r.jobs, func(j jobReport) bool { return j.ID == "gate" }) {
		errs = append(errs, errors.New("the gate did not run"))
	}
	switch {
	case r.kind.fork && r.images > 0:
		errs = append(errs, fmt.Errorf("%d images have tag %s, although a fork must not push", r.images, r.tag))
	case !r.kind.fork && (r.images == 0 || r.images != packages):
		errs = append(errs, fmt.Errorf("%d of %d images have tag %s", r.images, packages, r.tag))
	case !r.kind.fork && len(r.missing) > 0:
		errs = append(errs, fmt.Errorf("services without an image of tag %s: %q", r.tag, r.missing))
	}
	return errors.Join(slices.Concat(errs, r.checkSuites(), r.checkRights())...)
}

// checkSuites reads what suites say of themselves: a job that passes may have run none, or have fallen back to the other route.
func (r *report) checkSuites() []error {
	want := plan.Registry
	if r.kind.fork {
		want = plan.Kind
	}
	var errs []error
	for _, j := range r.jobs {
		if j.ID != "e2e" || j.Result.Result != workflow.Success {
			continue
		}
		suite := expression.String(j.Matrix["suite"])
		l, found := r.ledgers[suite]
		switch {
		case !found:
			errs = append(errs, fmt.Errorf("suite %s left no ledger", suite))
		case l.Destination != string(want):
			errs = append(errs, fmt.Errorf("suite %s: images went to %s, want %s: %s", suite, l.Destination, want, cmp.Or(l.Fallback, l.Reason)))
		case l.Tests == nil || l.Tests.Passed == 0:
			errs = append(errs, fmt.Errorf("suite %s: no test passed", suite))
		case !strings.Contains(r.summary, suite):
			errs = append(errs, fmt.Errorf("suite %s is not in the summary", suite))
		}
	}
	return errs
}

// checkRights says what a run had that it must not have.
func (r *report) checkRights() []error {
	var errs []error
	if r.kind.fork && len(r.secrets) > 0 {
		errs = append(errs, fmt.Errorf("a fork's steps have secrets: %q", r.secrets))
	}
	if !r.kind.fork && len(r.secrets) == 0 {
		errs = append(errs, errors.New("no step had a secret, so nothing was looked at"))
	}
	if r.kind.pull && r.uploads > 0 {
		errs = append(errs, fmt.Errorf("%d requests wrote to the remote cache", r.uploads))
	}
	var pushed int64
	for _, j := range r.jobs {
		if j.ID != "images" {
			pushed += j.pushed
		}
	}
	if pushed > 0 {
		errs = append(errs, fmt.Errorf("%s were pushed outside of the images job", progress.Bytes(pushed)))
	}
	return errs
}

// write prints the table of an event. Bytes are sent to the registry, from the registry, and from the remote cache.
func write(w io.Writer, r report, l limits) {
	fmt.Fprintf(w, "## %s, %s: %s %s\n\n", r.kind.name, r.tag, progress.Count(r.images, "image"), r.kind.verb)
	fmt.Fprint(w, "| job | result | time | pushed | pulled | from the cache | disk, most |\n|---|---|---|---|---|---|---|\n")
	for _, j := range r.jobs {
		fmt.Fprintf(w, "| %s | %s | %.0f s | %s | %s | %s | %s |\n", j.Name(), j.Result.Result, j.Took.Seconds(),
			progress.Bytes(j.pushed), progress.Bytes(j.pulled), progress.Bytes(j.cached), progress.Bytes(j.peak))
	}
	if r.kind.ci() {
		fmt.Fprintf(w, "\n%s\n", l.String())
	}
	fmt.Fprintln(w)
}
