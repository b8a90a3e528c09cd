package build

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/test/bench/measure"
)

// target is an image whose binary has other bytes for each value of --embed_label.
const target = "//test/bench/build:image"

// bazel builds the target in the workspace.
type bazel struct {
	workspace string
	dir       string // for profiles
}

// implementation names the rules_oci that the workspace resolves, and builds the target once: base and tools are then there.
func (b *bazel) implementation(ctx context.Context) (string, error) {
	if _, err := b.build(ctx); err != nil {
		return "", err
	}
	out, err := b.command(ctx, "query", "--output=location", "@rules_oci//oci:defs.bzl").Output()
	if err != nil {
		return "", fmt.Errorf("asking for rules_oci: %w", err)
	}
	// The real one has no such package.
	if b.command(ctx, "query", "@rules_oci//tool/cmd/oci_build").Run() == nil {
		return "this project's stand-in; the real rules_oci is not available here: this machine resolves modules from " +
			"the offline tool set, without the Bazel Central Registry", nil
	}
	return "the real one (" + filepath.Base(filepath.Dir(filepath.Dir(strings.SplitN(string(out), ":", 2)[0]))) + ")", nil
}

func (b *bazel) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.workspace, "tools", "bazelw"), args...)
	cmd.Dir = b.workspace
	cmd.Env = environment(os.Environ(), b.workspace)
	return cmd
}

// environment takes out what `bazel run` put in, which would make a Bazel take itself for a test's.
func environment(all []string, workspace string) []string {
	var env []string
	for _, e := range all {
		if name, _, _ := strings.Cut(e, "="); !strings.HasPrefix(name, "BUILD_W") && !strings.HasPrefix(name, "RUNFILES_") && name != "PWD" {
			env = append(env, e)
		}
	}
	return append(env, "PWD="+workspace)
}

// build builds the target with a binary that was never there and returns the time of each kind of action.
func (b *bazel) build(ctx context.Context) (map[string]time.Duration, error) {
	profile := filepath.Join(b.dir, "profile.json")
	cmd := b.command(ctx, "build", "--embed_label="+rand.Text(), "--profile="+profile,
		// The figure is of making the image, not of storing it.
		"--disk_cache=", "--remote_cache=", target)
	if err := output(cmd); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(profile)
	if err != nil {
		return nil, fmt.Errorf("reading Bazel's profile: %w", err)
	}
	return actionTimes(data)
}

// actionTimes adds up the actions of a profile by mnemonic (https://bazel.build/advanced/performance/json-trace-profile).
func actionTimes(profile []byte) (map[string]time.Duration, error) {
	var trace struct {
		Events []struct {
			Category string  `json:"cat"`
			Duration float64 `json:"dur"` // µs
			Args     struct {
				Mnemonic string `json:"mnemonic"`
			} `json:"args"`
		} `json:"traceEvents"`
	}
	if err := json.NewDecoder(bytes.NewReader(profile)).Decode(&trace); err != nil {
		return nil, fmt.Errorf("reading Bazel's profile: %w", err)
	}
	times := map[string]time.Duration{}
	for _, e := range trace.Events {
		if e.Category == "action processing" {
			times[e.Args.Mnemonic] += time.Duration(e.Duration * float64(time.Microsecond))
		}
	}
	return times, nil
}

func (b *bazel) round(ctx context.Context, r *measure.Round) error {
	times, err := b.build(ctx)
	if err != nil {
		return err
	}
	// rules_oci's own names of its actions; the stand-in has the same.
	described := times["OCIDescriptor"] + times["OCIImage"]
	if described == 0 || times["ImageLayer"] == 0 {
		return fmt.Errorf("Bazel's profile has no actions of %s, but %v", target, times)
	}
	r.Add(compressed, described)
	r.Add(binary, described+times["ImageLayer"])
	return nil
}
