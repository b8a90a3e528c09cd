// Package action does what a workflow of the catalogue was asked to do to its target.
//
// A workflow is told by its environment: TARGET_RESOURCE is "<namespace>/<kind>/<name>", ACTION is one of
//
//	restart          rolls the target's pods, as kubectl rollout restart does
//	increase-memory  raises a container's memory limit: to MEMORY_LIMIT, else by FACTOR (default 2), never beyond MEMORY_CAP
//	                 (default 4Gi) and never down; CONTAINER names the container, by default the first
//	validate         finds the target and changes nothing
//
// and MEMORY_LIMIT without ACTION means increase-memory. The target is a Deployment, or a pod that belongs to one. Four
// actions leave the cluster alone; the platform's tests use them: succeed, fail (EXIT_CODE, default 1), sleep (DURATION) and
// allocate (MEMORY, which it holds for DURATION when that is set).
//
// Not a goal: waiting for the rollout. Whether a remediation helped is for others to judge.
package action

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Environment returns a variable's value, "" when it is not set.
type Environment func(name string) string

// Connect returns the cluster; it is called only by actions that need one.
type Connect func() (Cluster, error)

// Exit is a failure that was asked for, with the exit code that it is to have.
type Exit struct{ Code int }

func (e Exit) Error() string { return "asked to fail with exit code " + strconv.Itoa(e.Code) }

// Run does the action and returns a sentence on what was done.
func Run(ctx context.Context, env Environment, connect Connect) (string, error) {
	switch name := chosen(env); name {
	case "succeed":
		return "succeeded, as asked", nil
	case "fail":
		return "", fail(env)
	case "sleep":
		return sleep(ctx, env)
	case "allocate":
		return allocate(ctx, env)
	case "restart", "increase-memory", "validate":
		return onDeployment(ctx, name, env, connect)
	default:
		return "", fmt.Errorf("ACTION must be restart, increase-memory or validate, got %q", name)
	}
}

func chosen(env Environment) string {
	if name := env("ACTION"); name != "" || env("MEMORY_LIMIT") == "" {
		return name
	}
	return "increase-memory"
}

func onDeployment(ctx context.Context, name string, env Environment, connect Connect) (string, error) {
	target, err := ParseTarget(env("TARGET_RESOURCE"))
	if err != nil {
		return "", err
	}
	change, err := readMemory(env)
	if err != nil {
		return "", err
	}
	cluster, err := connect()
	if err != nil {
		return "", err
	}
	deployment, err := cluster.deployment(ctx, target)
	if err != nil {
		return "", err
	}
	switch name {
	case "restart":
		return cluster.restart(ctx, deployment, time.Now())
	case "increase-memory":
		return cluster.increaseMemory(ctx, deployment, change)
	}
	return fmt.Sprintf("found deployment %s/%s", deployment.Namespace, deployment.Name), nil
}

func fail(env Environment) error {
	text := env("EXIT_CODE")
	if text == "" {
		return Exit{Code: 1}
	}
	code, err := strconv.Atoi(text)
	if err != nil || code < 1 || code > 255 {
		return fmt.Errorf("EXIT_CODE must be a whole number from 1 to 255, got %q", text)
	}
	return Exit{Code: code}
}

func sleep(ctx context.Context, env Environment) (string, error) {
	duration, err := time.ParseDuration(env("DURATION"))
	if err != nil || duration <= 0 {
		return "", fmt.Errorf("DURATION must be a duration such as 30s, got %q", env("DURATION"))
	}
	select {
	case <-ctx.Done():
		return "", errors.New("asked to stop while sleeping")
	case <-time.After(duration):
		return "slept for " + duration.String(), nil
	}
}

// allocate writes to every page: memory that nobody has written to is not used.
func allocate(ctx context.Context, env Environment) (string, error) {
	amount, err := resource.ParseQuantity(env("MEMORY"))
	if err != nil || amount.Sign() <= 0 {
		return "", fmt.Errorf("MEMORY must be an amount such as 128Mi, got %q", env("MEMORY"))
	}
	const page = 4096
	memory := make([]byte, amount.Value())
	for i := 0; i < len(memory); i += page {
		memory[i] = 1
	}
	if env("DURATION") != "" {
		if _, err := sleep(ctx, env); err != nil {
			return "", err
		}
		runtime.KeepAlive(memory)
	}
	return fmt.Sprintf("used %d bytes of memory", len(memory)), nil
}
