package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// member is one suite of a run.
type member struct {
	*runner
	inputs suiteInputs
	index  int // of its row in the report
}

// alone: the suite is the whole run. Then it has the namespaces themselves and the terminal.
func (m *member) alone() bool { return len(m.members) == 1 }

func (m *member) name() string { return m.inputs.Plan.Name }

func (m *member) namespace() string {
	if m.alone() {
		return m.inputs.Plan.Namespace
	}
	return manifest.CopyName(m.inputs.Plan.Namespace, m.name())
}

// reporter prefixes lines with the suite's name where there are others.
func (m *member) reporter() progress.Reporter {
	if m.alone() {
		return m.Progress
	}
	return progress.Prefixed(m.Progress, m.name()+" ")
}

// folder is where the suite's log is and where the test writes.
func (m *member) folder() string {
	if m.alone() {
		return m.output
	}
	return filepath.Join(m.output, m.name())
}

func (m *member) row(change func(*report.Suite)) {
	m.Ledger.Set(func(rep *report.Report) { change(&rep.Suites[m.index]) })
}

// deployConfig is what needs no cluster.
func (m *member) deployConfig(references map[string]string) deploy.Config {
	own := map[string]string{}
	for _, image := range m.inputs.Plan.Images {
		own[image.Name] = references[image.Name]
	}
	return deploy.Config{
		Suite: m.name(), Namespace: m.inputs.Plan.Namespace, Copied: !m.alone(), Manifests: m.inputs.manifests,
		References: own, Expose: m.inputs.Plan.Expose, Progress: m.reporter(),
	}
}

// run deploys and tests the suite and keeps its row.
func (m *member) run(ctx context.Context, lease *held, to site) error {
	err := m.deployAndTest(ctx, lease, to)
	m.row(func(s *report.Suite) {
		switch {
		case err == nil:
			s.State = report.Passed
		case ctx.Err() != nil:
			s.State = report.Interrupted
		default:
			s.State, s.Error = report.Failed, err.Error()
		}
	})
	return err
}

func (m *member) deployAndTest(ctx context.Context, lease *held, to site) error {
	if err := os.MkdirAll(m.folder(), 0o755); err != nil {
		return fmt.Errorf("creating output folder: %w", err)
	}
	end, before := m.Ledger.BeginSuite(m.name(), "deploy"), m.Ledger.Elapsed()
	result, err := to.Apply(ctx, m.name())
	end(report.Moved{}, fmt.Sprintf("%d objects applied", result.Applied), err)
	m.row(func(s *report.Suite) { s.DeploySeconds = since(m.Ledger, before) })
	if err != nil {
		return err
	}
	return m.test(ctx, lease, result)
}

func since(l *report.Ledger, before time.Duration) float64 {
	return (l.Elapsed() - before).Round(time.Millisecond).Seconds()
}

func (m *member) test(ctx context.Context, lease *held, deployed deploy.Result) error {
	limit, err := m.inputs.Plan.Test.Limit()
	if err != nil {
		return fault.New(fault.Usage, err)
	}
	if m.options.timeout > 0 {
		limit = m.options.timeout
	}
	path := filepath.Join(m.folder(), "test.log")
	log, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating test log: %w", err)
	}
	defer log.Close()
	end, before := m.beginTest(), m.Ledger.Elapsed()
	result, err := m.steps.test(ctx, suite.Config{
		Binary: m.inputs.binary, Args: append(slices.Clone(m.inputs.Plan.Test.Args), m.options.testArgs...), Env: m.testEnv(lease, deployed),
		Stdout: m.testOutput(log), Stderr: m.testOutput(log), Timeout: limit,
	})
	end(result, err)
	m.row(func(s *report.Suite) {
		s.TestSeconds = since(m.Ledger, before)
		s.Tests = &report.Tests{Passed: result.Passed, Failed: result.Failed, Skipped: result.Skipped, Failures: result.Failures}
		if result.FirstAssertion > 0 {
			s.FirstAssertion = (before + result.FirstAssertion).Round(time.Millisecond).Seconds()
		}
	})
	if fault.Code(err) == fault.TestsFailed {
		return fault.New(fault.TestsFailed, err, "less "+path)
	}
	return err
}

// testOutput: the terminal shows the test of a single suite as it runs; those of several would run into each other.
func (m *member) testOutput(log io.Writer) io.Writer {
	if m.alone() {
		return io.MultiWriter(m.Streams.Err, log)
	}
	return log
}

// beginTest shows a step only where the test's own output does not.
func (m *member) beginTest() func(suite.Result, error) {
	end := m.Ledger.BeginSuite(m.name(), "test")
	if m.alone() {
		return func(_ suite.Result, err error) { end(report.Moved{}, "", err) }
	}
	step := m.reporter().Step("test", 0)
	return func(r suite.Result, err error) {
		end(report.Moved{}, "", err)
		step.Done(fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped))
	}
}

// remove frees the memory of a suite that has passed. What cannot be removed now is removed by the next run.
func (m *member) remove(ctx context.Context, from site) {
	if m.alone() || ctx.Err() != nil {
		return
	}
	end := m.Ledger.BeginSuite(m.name(), "remove")
	err := from.Remove(ctx, m.name())
	end(report.Moved{}, "", err)
	if err != nil && ctx.Err() == nil {
		m.Progress.Line("slipway: warning: %s", command.OneLine(err.Error()))
	}
}

// testEnv is the whole environment of the test binary: the plan's, the addresses of the exposed Services, and ours. A value
// of the plan that is one of the suite's namespaces follows it.
func (m *member) testEnv(lease *held, deployed deploy.Result) []string {
	env := map[string]string{}
	for name, value := range m.inputs.Plan.Test.Env {
		env[name] = cmp.Or(deployed.Namespaces[value], value)
	}
	maps.Copy(env, deployed.Env)
	maps.Copy(env, map[string]string{
		"KUBECONFIG":     lease.kubeconfig,
		"E2E_NAMESPACE":  m.namespace(),
		"E2E_OUTPUT_DIR": m.folder(),
		"HOME":           m.Getenv("HOME"),
		"PATH":           m.Getenv("PATH"),
		"TMPDIR":         cmp.Or(m.Getenv("TEST_TMPDIR"), m.Getenv("TMPDIR"), "/tmp"),
	})
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// target is where all suites go.
func (r *runner) target(ctx context.Context, lease *held) (deploy.Target, error) {
	target := deploy.Target{
		Kubeconfig: lease.kubeconfig, Ports: lease.ports, Progress: r.Progress,
		Reach: func(ctx context.Context, addresses []string) ([]string, error) {
			return cluster.Reach(ctx, lease.nodes, addresses)
		},
	}
	if r.Decision.Destination != plan.Registry || r.Fallback != nil || len(r.Images) == 0 {
		return target, nil
	}
	var err error
	target.DockerConfig, err = pullSecret(ctx, delivery.Keychain(), r.Decision.Repository(r.Images[0].Name))
	return target, err
}
