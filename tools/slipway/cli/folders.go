package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// keptRuns is how many output folders of earlier runs of a suite stay.
const keptRuns = 10

// stateDir holds leases, kubeconfigs and output folders.
func stateDir(getenv func(string) string) (string, error) {
	cache, err := command.CacheDir(getenv)
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(cache, "slipway"))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", fault.New(fault.Delivery, fmt.Errorf("creating cache folder: %w", err), "export KUBERNAUT_CACHE=/var/tmp/kubernaut")
	}
	return dir, nil
}

// outputDir is the folder of this run's logs.
func outputDir(o options, getenv func(string) string, state, suite string, now time.Time) (string, error) {
	dir := command.FromCaller(o.output, getenv)
	if dir == "" {
		dir = getenv("TEST_UNDECLARED_OUTPUTS_DIR")
	}
	if dir == "" {
		runs := filepath.Join(state, "runs", suite)
		pruneRuns(runs)
		dir = filepath.Join(runs, fmt.Sprintf("%s-%d", now.UTC().Format("20060102T150405"), os.Getpid()))
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", fault.New(fault.Usage, fmt.Errorf("creating output folder: %w", err), "--output=/var/tmp/slipway")
	}
	return dir, nil
}

// pruneRuns removes the oldest runs that have ended; names sort by time. What cannot be removed is left.
func pruneRuns(runs string) {
	entries, err := os.ReadDir(runs)
	if err != nil {
		return
	}
	var names []string
	for _, e := range entries {
		if !running(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for len(names) >= keptRuns {
		os.RemoveAll(filepath.Join(runs, names[0]))
		names = names[1:]
	}
}

// running reports whether the process whose id ends the folder's name is there.
func running(run string) bool {
	pid, err := strconv.Atoi(run[strings.LastIndexByte(run, '-')+1:])
	return err == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
