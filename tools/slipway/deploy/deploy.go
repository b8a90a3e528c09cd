// Package deploy brings a suite's manifests into its cluster: manifests become objects, the image placeholders become
// the delivered references, the objects are applied, and Apply returns when every workload is ready.
//
// Objects are applied by server-side apply with the field manager "slipway" and force: the same input changes nothing
// and rolls nothing, so a reused cluster costs only the requests. The order is custom resource definitions (waited for),
// namespaces, what workloads refer to, Services, workloads, and last the admission webhooks that workloads serve.
// Namespaced objects without a namespace go to the suite's.
//
// Every applied object carries the label slipway.kubernaut.ai/suite. Objects that carry it and are not in the manifests
// any more are deleted before anything is applied, whichever suite left them: a cluster belongs to one suite at a time.
// Definitions, namespaces and objects of kinds outside the built-in ones stay.
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

// Config says what to deploy and where.
type Config struct {
	Kubeconfig   string            // path
	Suite        string            // the suite's name, value of the label on its objects
	Namespace    string            // the platform namespace; it is created
	Manifests    []File            // in the suite's order, which is kept among objects of one class
	References   map[string]string // image name (placeholder) to delivered reference
	Expose       []plan.Expose     // Services that the test reaches
	Ports        map[int32]int32   // the pool: node port to host port on 127.0.0.1
	DockerConfig []byte            // a .dockerconfigjson for an imagePullSecret; nil makes none
	Timeout      time.Duration     // until everything is ready; 0 is 5 minutes
	Progress     progress.Reporter // nil reports nothing
}

// Result is what the test needs to know.
type Result struct {
	Env     map[string]string // each Expose's variable: "http://127.0.0.1:<port>"
	Applied int               // objects in the manifests, namespace, companions and secrets included
	Pruned  int               // objects of an earlier run that were deleted
}

// Check does the part of Apply that needs no cluster: it parses the manifests strictly and resolves images and exposed
// Services. Its errors name file and line and carry fault.Usage.
func Check(config Config) error {
	_, err := render(config)
	return err
}

// Apply deploys the suite and waits until it is ready. Errors carry fault.Usage for wrong manifests and fault.Delivery
// otherwise; that of a workload that does not become ready says why, with the last events and log lines of its pod.
func Apply(ctx context.Context, config Config) (Result, error) {
	if config.Progress == nil {
		config.Progress = progress.Discard()
	}
	if config.Timeout <= 0 {
		config.Timeout = defaultTimeout
	}
	objects, err := render(config)
	if err != nil {
		return Result{}, err
	}
	cluster, err := connect(config)
	if err != nil {
		return Result{}, fault.New(fault.Delivery, err)
	}
	limited, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	result, err := deploy(limited, config, cluster, objects)
	switch {
	case ctx.Err() != nil:
		return result, fault.New(fault.Interrupted, fmt.Errorf("deploying suite %q: %w", config.Suite, context.Cause(ctx)))
	case err != nil && errors.As(err, new(*fault.Fault)):
		return result, err
	}
	return result, fault.New(fault.Delivery, err)
}

// deploy applies the objects class by class. Definitions must be established before the objects of their kinds can be
// mapped, and leftovers must be gone before Services ask for node ports.
func deploy(ctx context.Context, config Config, cluster *cluster, objects []object) (Result, error) {
	step := config.Progress.Step("deploy", 0)
	result, err := applyAll(ctx, config, cluster, objects)
	if err == nil {
		err = cluster.wait(ctx, workloads(objects), config.Timeout)
	}
	if err != nil {
		step.Fail(err)
		return result, err
	}
	step.Done(fmt.Sprintf("%d objects applied, %d left over deleted, all workloads ready", result.Applied, result.Pruned))
	return result, nil
}

func applyAll(ctx context.Context, config Config, cluster *cluster, objects []object) (Result, error) {
	definitions, rest := split(objects, definition)
	if err := cluster.establish(ctx, definitions, config.Timeout); err != nil {
		return Result{}, err
	}
	if err := cluster.place(config.Namespace, rest); err != nil {
		return Result{}, err
	}
	pruned, err := cluster.prune(ctx, config, rest)
	if err != nil {
		return Result{}, err
	}
	companions, env, err := cluster.expose(ctx, config, rest)
	if err != nil {
		return Result{}, err
	}
	rest = append(rest, companions...)
	for _, class := range slices.Sorted(maps.Keys(classes(rest))) {
		if err := cluster.apply(ctx, classes(rest)[class]); err != nil {
			return Result{}, err
		}
	}
	return Result{Env: env, Applied: len(objects) + len(companions), Pruned: pruned}, nil
}
