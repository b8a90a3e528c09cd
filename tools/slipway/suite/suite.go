// Package suite runs a suite's test binary and reads its result.
//
// The binary is an ordinary Go test binary. It gets exactly the environment that the caller gives, its output streams
// through while it runs, and its results are read from the framing of -test.v=test2json, which a test cannot imitate by
// printing "--- PASS" itself. An assertion is a leaf: a test or subtest that has no subtests of its own.
//
// The process runs in its own process group. At the end of the context or of the time limit the group gets SIGTERM and,
// after the grace period, SIGKILL; nothing that the test started outlives Run.
//
// Non-goals: choosing, retrying or sharding tests, and writing reports.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

const defaultGrace = 10 * time.Second

// Config says what to run.
type Config struct {
	Binary      string        // path of the test binary; one that ends in ".zst" is unpacked while it runs
	Args        []string      // its arguments; the flags for verbose output and for the time limit are added
	Env         []string      // the whole environment as KEY=value; nil is an empty environment
	Dir         string        // working directory; empty is the caller's
	Stdout      io.Writer     // nil discards
	Stderr      io.Writer     // nil discards
	Timeout     time.Duration // limit of the whole run; 0 is none
	GracePeriod time.Duration // between SIGTERM and SIGKILL; 0 is 10 s
}

// Result is what the binary reported. It is meaningful with an error too: the results until then.
type Result struct {
	Passed, Failed, Skipped int           // assertions: tests and subtests without subtests
	Failures                []string      // names of the failed and of the unfinished ones, in the order of their start
	FirstAssertion          time.Duration // from the start to the first result; 0 when there was none
	Elapsed                 time.Duration
}

// errTimeout is the cause of a context that the suite's own time limit ended.
var errTimeout = errors.New("time limit")

// Run runs the binary to its end. The error is nil only when the binary exited with 0 and at least one assertion ran;
// otherwise it carries fault.TestsFailed, fault.Interrupted when ctx ended, or fault.Delivery when the binary could not
// be started.
func Run(ctx context.Context, config Config) (Result, error) {
	limited, cancel := limit(ctx, config)
	defer cancel()
	program, remove, err := unpack(config.Binary)
	if err != nil {
		return Result{}, fault.New(fault.Delivery, fmt.Errorf("starting test binary %q: %w", config.Binary, err))
	}
	start := time.Now()
	results := newParser(config.Stdout, func() time.Duration { return time.Since(start) })
	cmd := command(limited, program, config, results)
	err = cmd.Start()
	remove() // the process keeps what it needs, and nothing is left when we are killed
	if err != nil {
		return Result{}, fault.New(fault.Delivery, fmt.Errorf("starting test binary %q: %w", config.Binary, err))
	}
	err = cmd.Wait()
	// Members of the group that ignored SIGTERM, or that the binary left behind.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	results.Close()
	result := results.result()
	result.Elapsed = time.Since(start)
	return result, verdict(ctx, limited, config, result, err)
}

// limit gives the binary's own -test.timeout the first word, because it prints the stacks of what hangs.
func limit(ctx context.Context, config Config) (context.Context, context.CancelFunc) {
	if config.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, config.Timeout+grace(config), errTimeout)
}

func grace(config Config) time.Duration {
	if config.GracePeriod > 0 {
		return config.GracePeriod
	}
	return defaultGrace
}

func command(ctx context.Context, program string, config Config, stdout io.Writer) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, arguments(config)...)
	cmd.Env = append([]string{}, config.Env...) // a nil Env would inherit ours
	cmd.Dir = config.Dir
	cmd.Stdout, cmd.Stderr = stdout, config.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace(config)
	return cmd
}

// arguments puts the caller's arguments last, so that they win over the time limit.
func arguments(config Config) []string {
	args := []string{"-test.v=test2json", "-test.timeout=" + max(config.Timeout, 0).String()}
	for _, arg := range config.Args {
		if flag := strings.TrimLeft(arg, "-"); flag == "test.v" || strings.HasPrefix(flag, "test.v=") {
			continue // would switch off the framing that the results are read from
		}
		args = append(args, arg)
	}
	return args
}

func verdict(ctx, limited context.Context, config Config, result Result, err error) error {
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Interrupted, fmt.Errorf("running test binary %q: %w", config.Binary, context.Cause(ctx)))
	case errors.Is(context.Cause(limited), errTimeout):
		return fault.New(fault.TestsFailed, fmt.Errorf("running test binary %q: not finished after %s", config.Binary, config.Timeout))
	case len(result.Failures) > 0:
		total := result.Passed + result.Failed + result.Skipped
		return fault.New(fault.TestsFailed, fmt.Errorf("%d of %d tests failed: %s", len(result.Failures), total, abridge(result.Failures)))
	case err != nil:
		return fault.New(fault.TestsFailed, fmt.Errorf("running test binary %q: no test failed, but %w", config.Binary, err))
	case result.Passed+result.Skipped == 0:
		return fault.New(fault.TestsFailed, fmt.Errorf("running test binary %q: no test ran", config.Binary))
	}
	return nil
}

// abridge names the first failures; the output above the message has them all.
func abridge(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(names[:most]), ", "), len(names)-most)
}
