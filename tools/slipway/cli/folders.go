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

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// keptRuns is how many output folders of earlier runs of a suite stay.
const keptRuns = 10

// cacheDir is the cache folder, as tools/bazelw determines it.
func cacheDir(getenv func(string) string) (string, error) {
	switch {
	case getenv("KUBERNAUT_CACHE") != "":
		return getenv("KUBERNAUT_CACHE"), nil
	case getenv("XDG_CACHE_HOME") != "":
		return filepath.Join(getenv("XDG_CACHE_HOME"), "kubernaut"), nil
	case getenv("HOME") != "":
		return filepath.Join(getenv("HOME"), ".cache", "kubernaut"), nil
	}
	return "", fault.New(fault.Usage, errors.New("no cache folder: KUBERNAUT_CACHE, XDG_CACHE_HOME and HOME are not set"),
		"export KUBERNAUT_CACHE=/var/tmp/kubernaut")
}

// stateDir holds leases, kubeconfigs and output folders.
func stateDir(getenv func(string) string) (string, error) {
	cache, err := cacheDir(getenv)
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
	dir := fromCaller(o.output, getenv)
	if dir == "" {
		dir = getenv("TEST_UNDECLARED_OUTPUTS_DIR")
	}
	if dir == "" {
		runs := filepath.Join(state, "runs", suite)
		prune(runs)
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

// fromCaller makes a path of the command line one of the folder where bazel run was typed, which is not the one that it
// starts programs in (https://bazel.build/docs/user-manual#running-executables).
func fromCaller(path string, getenv func(string) string) string {
	if caller := getenv("BUILD_WORKING_DIRECTORY"); path != "" && caller != "" && !filepath.IsAbs(path) {
		return filepath.Join(caller, path)
	}
	return path
}

// prune removes the oldest runs that have ended; names sort by time. What cannot be removed is left.
func prune(runs string) {
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
