package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// logTail is how many of the last lines of a failed suite's log are shown where the log itself was not.
const logTail = 30

// gather makes the members and their rows.
func (r *runner) gather() {
	for i, in := range r.in.suites {
		r.members = append(r.members, &member{runner: r, inputs: in, index: i})
	}
	r.Ledger.Set(func(rep *report.Report) {
		for _, m := range r.members {
			rep.Suites = append(rep.Suites, report.Suite{Suite: m.inputs.Plan.Label, Name: m.name(), Namespace: m.namespace(), State: report.NotRun})
		}
	})
	if len(r.members) == 1 {
		return
	}
	r.Progress.Line("%d suites, %d at a time: %s", len(r.members), min(r.options.atOnce, len(r.members)), strings.Join(r.names(), ", "))
	for _, l := range r.LeftOut {
		r.Progress.Line("left out: %s, because %s", l.Label, l.Reason)
	}
}

func (r *runner) names() []string {
	var names []string
	for _, m := range r.members {
		names = append(names, m.name())
	}
	return names
}

func (r *runner) deployConfigs(references map[string]string) []deploy.Config {
	var configs []deploy.Config
	for _, m := range r.members {
		configs = append(configs, m.deployConfig(references))
	}
	return configs
}

// checkTestArgs: a filter that fits one suite makes the others run no test at all, which is a failure.
func (r *runner) checkTestArgs() error {
	if len(r.in.suites) == 1 || len(r.options.testArgs) == 0 {
		return nil
	}
	return &plan.InputError{
		Message: fmt.Sprintf("arguments of a test need one suite, %s has %d", r.Label, len(r.in.suites)),
		Hints:   []string{r.again(r.in.suites[0], append([]string{"--"}, r.options.testArgs...)...)},
	}
}

// openSite makes the cluster ready for all suites.
func (r *runner) openSite(ctx context.Context, lease *held, references map[string]string) (site, error) {
	end := r.Ledger.Begin("prepare")
	target, err := r.target(ctx, lease)
	var opened site
	if err == nil {
		opened, err = r.steps.open(ctx, target, r.deployConfigs(references))
	}
	end(report.Moved{}, "", err)
	return opened, err
}

// runMembers runs the suites in their order, some at a time. One that fails does not stop the others. Those that pass are
// removed while the next ones run; what is left of a failed one is evidence.
func (r *runner) runMembers(ctx context.Context, lease *held, at site) error {
	free := make(chan struct{}, r.options.atOnce)
	errs := make([]error, len(r.members))
	var group sync.WaitGroup
	for i, m := range r.members {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			errs[i] = context.Cause(ctx)
			continue
		}
		group.Go(func() {
			errs[i] = m.run(ctx, lease, at)
			<-free
			if errs[i] == nil {
				m.remove(ctx, at)
			}
		})
	}
	group.Wait()
	return r.join(ctx, errs)
}

// join names the failed suites and says of each why, on a line of its own. The exit code is the highest of theirs.
func (r *runner) join(ctx context.Context, errs []error) error {
	switch {
	case len(errs) == 1:
		return errs[0]
	case ctx.Err() != nil:
		return ctx.Err()
	}
	var names, details, hints []string
	code := fault.Passed
	for i, err := range errs {
		if err == nil {
			continue
		}
		m := r.members[i]
		if len(names) == 0 {
			hints = append(fault.Hints(err), r.again(m.inputs))
		}
		names, code = append(names, m.name()), max(code, fault.Code(err))
		details = append(details, "    "+m.name()+": "+err.Error())
		if fault.Code(err) == fault.TestsFailed {
			r.showTail(m)
		}
	}
	if len(names) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d of %d suites failed: %s\n%s", len(names), len(errs), strings.Join(names, ", "), strings.Join(details, "\n"))
	return fault.New(code, errors.New(text), hints...)
}

// showTail prints the end of the suite's log.
func (r *runner) showTail(m *member) {
	path := filepath.Join(m.folder(), "test.log")
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	r.Progress.Line("%s: the last of %d lines of %s", m.name(), len(lines), path)
	for _, line := range lines[max(0, len(lines)-logTail):] {
		r.Progress.Line("  %s", line)
	}
}
