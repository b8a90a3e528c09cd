package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// answerTimeout bounds the question whether an engine runs.
const answerTimeout = 10 * time.Second

// engine is the command-line client of a container engine that answers: "docker" or "podman", as kind calls it too.
type engine string

// ErrNoEngine is why no cluster can be made where no engine answers.
var ErrNoEngine = errors.New("no container engine answers")

// errDenied is an engine that runs and refuses this user.
var errDenied = errors.New("permission denied")

func (e engine) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return run(ctx, stdin, append([]string{string(e)}, args...)...)
}

// detect returns the engine to use and starts one by cfg.EngineHook when none answers.
func detect(ctx context.Context, cfg Config) (engine, error) {
	candidates := []engine{"docker", "podman"}
	if cfg.Engine != "" {
		if !slices.Contains(candidates, engine(cfg.Engine)) {
			return "", fault.New(fault.Usage, fmt.Errorf("container engine %q is not supported", cfg.Engine), "--engine=docker")
		}
		candidates = []engine{engine(cfg.Engine)}
	}
	found, err := firstAnswering(ctx, candidates)
	if found != "" || errors.Is(err, errDenied) || len(cfg.EngineHook) == 0 {
		return found, err
	}
	if err := runHook(ctx, cfg.EngineHook, cfg.Progress, "container engine"); err != nil {
		return "", fault.New(fault.Delivery, err)
	}
	return firstAnswering(ctx, candidates)
}

func firstAnswering(ctx context.Context, candidates []engine) (engine, error) {
	causes := make([]string, 0, len(candidates))
	for _, e := range candidates {
		err := e.answers(ctx)
		if err == nil {
			return e, nil
		}
		if errors.Is(err, errDenied) {
			return "", fault.New(fault.Delivery, fmt.Errorf("connecting to %s: %w", e, err),
				"sudo usermod -aG "+string(e)+" $USER && newgrp "+string(e))
		}
		causes = append(causes, fmt.Sprintf("%s: %v", e, err))
	}
	hints := []string{"tools/bazelw --engine start", "sudo systemctl start docker"}
	if !slices.Contains(candidates, "docker") { // what both of them start
		hints = []string{"--engine=docker"}
	}
	return "", fault.New(fault.Delivery, fmt.Errorf("%w (%s)", ErrNoEngine, strings.Join(causes, "; ")), hints...)
}

// answers returns nil when the engine runs, and a short cause otherwise.
func (e engine) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	format := map[engine]string{"docker": "{{.ServerVersion}}", "podman": "{{.Version.Version}}"}[e]
	out, err := e.run(ctx, nil, "info", "--format", format)
	var failed *CommandError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("not installed")
	case errors.As(err, &failed) && strings.Contains(failed.Stderr, "permission denied"):
		return errDenied
	case errors.As(err, &failed):
		return errors.New(lastLine(failed.Stderr, failed.Err.Error()))
	case len(strings.TrimSpace(string(out))) == 0:
		return errors.New("it names no server version")
	}
	return err
}

func lastLine(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// runHook brings what is named by the hook, and shows the hook's output, line by line.
func runHook(ctx context.Context, hook []string, to progress.Reporter, what string) error {
	step := to.Step(what, 0)
	err := streamLines(command(ctx, hook...), to.Line)
	if err != nil {
		err = fmt.Errorf("bringing the %s by %q: %w", what, strings.Join(hook, " "), err)
		step.Fail(err)
		return err
	}
	step.Done("there")
	return nil
}

// streamLines reads through a pipe of its own and waits for the command, not for the pipe's end: a daemon that the
// command starts may inherit it.
func streamLines(cmd *exec.Cmd, line func(format string, args ...any)) error {
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	last := make(chan string, 1)
	go func() {
		final := ""
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			final = scanner.Text()
			line("%s", final)
		}
		io.Copy(io.Discard, r)
		last <- final
	}()
	err := cmd.Run()
	w.Close()
	final := <-last
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	case final == "":
		return err
	}
	return fmt.Errorf("%w: %s", err, final)
}
