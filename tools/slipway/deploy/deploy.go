// Package deploy brings suites' manifests into a cluster: manifests become objects, the image placeholders become the
// delivered references, the objects are applied, and Apply returns when every workload is ready.
//
// A Session is all suites of one run. Open makes room for them and applies what they share, then they are applied and
// removed independently of each other and at the same time; a single suite is a session of one.
//
// Objects are applied by server-side apply with the field manager "slipway" and force: the same input changes nothing
// and rolls nothing, so a reused cluster costs only the requests. The order is custom resource definitions (waited for),
// namespaces, what workloads refer to, Services, workloads, and last the admission webhooks that workloads serve.
// Namespaced objects without a namespace go to the suite's.
//
// Suites that run beside others get copies of their namespaces, by the rules of package manifest. Definitions and
// ClusterRoles are the same for all of them; suites that disagree about one are refused.
//
// Every applied object carries the label slipway.kubernaut.ai/suite. Objects that carry it and that no suite of the
// session has are deleted by Open, whichever run left them: a cluster belongs to one run at a time. Copied namespaces go
// with all that is in them. Definitions, the uncopied namespaces and objects of kinds outside the built-in ones stay.
//
// A pod template that reads ConfigMaps or Secrets carries a hash of them, so that a change of configuration rolls the pods of
// a reused cluster. A Secret with the annotation slipway.kubernaut.ai/generate gets a random value when it is made.
//
// A Service that the test reaches gets a companion "<service>-e2e" of type NodePort on a port of the cluster's pool; the
// suite's own Service stays as it is in production.
//
// Non-goals: templates, values, hooks, waiting for custom resources.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const defaultTimeout = 5 * time.Minute

// File is one manifest of the suite.
type File = manifest.File

// Target is the cluster.
type Target struct {
	Kubeconfig   string            // path
	Ports        map[int32]int32   // the pool: node port to host port on 127.0.0.1
	DockerConfig []byte            // a .dockerconfigjson for imagePullSecrets; nil makes none
	Progress     progress.Reporter // of what is done for all suites; nil reports nothing
	// Reach returns when the addresses, "ip:port", answer in all nodes, and those that do not; nil trusts that they do.
	Reach func(ctx context.Context, addresses []string) (unreachable []string, err error)
}

// Config says what one suite deploys.
type Config struct {
	Suite      string            // the suite's name, value of the label on its objects; unique in a session
	Namespace  string            // the platform namespace; it is created
	Copied     bool              // the suite has its own copies of the namespaces
	Manifests  []File            // in the suite's order, which is kept among objects of one class
	References map[string]string // image name (placeholder) to delivered reference
	Expose     []plan.Expose     // Services that the test reaches
	Timeout    time.Duration     // until everything is ready; 0 is 5 minutes
	Progress   progress.Reporter // nil reports nothing
}

// Result is what the test needs to know.
type Result struct {
	Env        map[string]string // each Expose's variable: "http://127.0.0.1:<port>"
	Namespaces map[string]string // the manifests' namespaces to where they are; the same names unless Copied
	Applied    int               // objects of the suite alone, namespace, companions and secrets included
}

// Check does the part of Open that needs no cluster: it parses the manifests strictly, resolves images and exposed
// Services, and holds what the suites share against each other. Its errors name file and line and carry fault.Usage.
func Check(configs []Config) error {
	_, _, err := renderAll(configs, nil)
	return err
}

// Session is the suites of one run in one cluster. Its methods are safe for concurrent use.
type Session struct {
	cluster *cluster
	suites  map[string]*member
	target  Target
}

// member is one suite of a session.
type member struct {
	config     Config
	objects    []object          // without what is shared
	namespaces map[string]string // see Result
	nodePorts  map[plan.Expose]int32
}

// Open renders all suites, deletes what earlier runs left, applies what the suites share and gives every exposed port its
// node port. Errors carry fault.Usage for wrong manifests and fault.Delivery otherwise.
func Open(ctx context.Context, target Target, configs []Config) (*Session, error) {
	if target.Progress == nil {
		target.Progress = progress.Discard()
	}
	members, shared, err := renderAll(configs, target.DockerConfig)
	if err != nil {
		return nil, err
	}
	cluster, err := connect(target)
	if err != nil {
		return nil, fault.New(fault.Delivery, err)
	}
	s := &Session{cluster: cluster, target: target, suites: map[string]*member{}}
	for _, m := range members {
		s.suites[m.config.Suite] = m
	}
	limited, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	step := target.Progress.Step("prepare", 0)
	pruned, err := s.prepare(limited, members, shared)
	if err != nil {
		step.Fail(err)
		return nil, blame(ctx, err, "preparing the cluster")
	}
	step.Done(fmt.Sprintf("%s applied, %d left over deleted", progress.Count(len(shared), "shared object"), pruned))
	return s, nil
}

// blame attaches the exit code that fits.
func blame(ctx context.Context, err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Interrupted, fmt.Errorf("%s: %w", doing, context.Cause(ctx)))
	case errors.As(err, new(*fault.Fault)):
		return err
	}
	return fault.New(fault.Delivery, err)
}

// prepare: definitions must be established before the objects of their kinds can be mapped, and leftovers must be gone
// before Services ask for node ports.
func (s *Session) prepare(ctx context.Context, members []*member, shared []object) (pruned int, err error) {
	definitions, roles := split(shared, definition)
	if err := s.cluster.establish(ctx, definitions, defaultTimeout); err != nil {
		return 0, err
	}
	for _, m := range members {
		if err := s.cluster.place(m.config.platform(), m.objects); err != nil {
			return 0, err
		}
	}
	if pruned, err = s.cluster.prune(ctx, members, shared); err != nil {
		return 0, err
	}
	if err := s.cluster.apply(ctx, roles); err != nil {
		return pruned, err
	}
	return pruned, s.cluster.assign(ctx, s.target.Ports, members)
}

// Apply deploys the suite and waits until it is ready and its Services answer. Errors carry fault.Delivery; that of a
// workload that does not become ready says why, with the last events and log lines of its pod. It returns early when
// waiting is hopeless.
func (s *Session) Apply(ctx context.Context, suite string) (Result, error) {
	m := s.suites[suite]
	limited, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	step := m.config.Progress.Step("deploy", 0)
	result, err := s.applyAll(limited, m)
	if err == nil {
		err = s.cluster.wait(limited, workloads(m.objects), m.config.Timeout)
	}
	if err == nil {
		err = s.reach(limited, m)
	}
	if err != nil {
		step.Fail(err)
		return result, blame(ctx, fmt.Errorf("deploying %q: %w", suite, err), fmt.Sprintf("deploying %q", suite))
	}
	step.Done(fmt.Sprintf("%d objects applied, all workloads ready", result.Applied))
	return result, nil
}

func (s *Session) applyAll(ctx context.Context, m *member) (Result, error) {
	companions, env, err := companions(m, s.target.Ports)
	if err != nil {
		return Result{}, err
	}
	// Only now: what earlier runs left is deleted, so that a kept value is one that this suite's pods have.
	objects, err := s.cluster.generate(ctx, m.objects)
	if err != nil {
		return Result{}, err
	}
	if err := s.cluster.checkConfigs(ctx, objects); err != nil {
		return Result{}, err
	}
	all := append(objects, companions...)
	groups := classes(all)
	for _, class := range slices.Sorted(maps.Keys(groups)) {
		if err := s.cluster.apply(ctx, groups[class]); err != nil {
			return Result{}, err
		}
	}
	return Result{Env: env, Namespaces: m.namespaces, Applied: len(all)}, nil
}

// Remove begins to delete the copies of a suite that has them; webhooks are gone when it returns, because nobody serves them
// any more after that. Namespaces take their time to go, and the next Open waits for what is left of them. Uncopied
// suites stay: the next run finds them as they are.
func (s *Session) Remove(ctx context.Context, suite string) error {
	m := s.suites[suite]
	if !m.config.Copied {
		return nil
	}
	var outside []object
	for _, o := range m.objects {
		if o.GetNamespace() == "" {
			outside = append(outside, o)
		}
	}
	webhooks, rest := split(outside, admission)
	err := s.cluster.removeAll(ctx, webhooks)
	if err == nil {
		err = each(rest, func(o object) error { return s.cluster.beginRemoval(ctx, o) })
	}
	if err != nil {
		return blame(ctx, fmt.Errorf("removing %q: %w", suite, err), fmt.Sprintf("removing %q", suite))
	}
	return nil
}
