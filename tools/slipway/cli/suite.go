package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// deployConfig is what needs no cluster.
func (r *runner) deployConfig(references map[string]string) deploy.Config {
	return deploy.Config{
		Suite: r.in.plan.Name, Namespace: r.in.plan.Namespace, Manifests: r.in.manifests,
		References: references, Expose: r.in.plan.Expose, Progress: r.progress,
	}
}

func (r *runner) deploy(ctx context.Context, lease *held, references map[string]string) (map[string]string, error) {
	config := r.deployConfig(references)
	config.Kubeconfig, config.Ports = lease.kubeconfig, lease.ports
	if r.decision.Destination == plan.Registry && r.fallback == nil && len(r.in.descriptors) > 0 {
		secret, err := pullSecret(ctx, keychain(), r.decision.Repository(r.in.descriptors[0].Name))
		if err != nil {
			return nil, err
		}
		config.DockerConfig = secret
	}
	end := r.ledger.Begin("deploy")
	result, err := r.steps.apply(ctx, config)
	end(report.Moved{}, fmt.Sprintf("%d objects applied, %d deleted", result.Applied, result.Pruned), err)
	return result.Env, err
}

func (r *runner) test(ctx context.Context, lease *held, env map[string]string) error {
	limit, err := r.in.plan.Test.Limit()
	if err != nil {
		return fault.New(fault.Usage, err)
	}
	if r.options.timeout > 0 {
		limit = r.options.timeout
	}
	end, before := r.ledger.Begin("test"), r.ledger.Elapsed()
	result, err := r.steps.test(ctx, suite.Config{
		Binary: r.in.binary, Args: append(slices.Clone(r.in.plan.Test.Args), r.options.testArgs...), Env: r.testEnv(lease, env),
		Stdout: r.streams.Err, Stderr: r.streams.Err, Timeout: limit,
	})
	end(report.Moved{}, "", err)
	r.ledger.Set(func(rep *report.Report) {
		rep.Tests = &report.Tests{Passed: result.Passed, Failed: result.Failed, Skipped: result.Skipped, Failures: result.Failures}
		if result.FirstAssertion > 0 {
			rep.FirstAssertion = (before + result.FirstAssertion).Seconds()
		}
	})
	return err
}

// testEnv is the whole environment of the test binary: the plan's, the addresses of the exposed Services, and ours.
func (r *runner) testEnv(lease *held, addresses map[string]string) []string {
	env := map[string]string{}
	maps.Copy(env, r.in.plan.Test.Env)
	maps.Copy(env, addresses)
	maps.Copy(env, map[string]string{
		"KUBECONFIG":     lease.kubeconfig,
		"E2E_NAMESPACE":  r.in.plan.Namespace,
		"E2E_OUTPUT_DIR": r.output,
		"HOME":           r.getenv("HOME"),
		"PATH":           r.getenv("PATH"),
		"TMPDIR":         cmp.Or(r.getenv("TEST_TMPDIR"), r.getenv("TMPDIR"), "/tmp"),
	})
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
