// Command proof shows that a new service needs no edit but what newservice writes.
//
//	tools/bazelw run //tools/newservice/proof
//
// It copies the checkout's files to another folder and types there what a person types: newservice, build, test, matrix, the
// smoke suite. It fails when newservice touches a file that is not the service's own, other than the list of suites. The copy
// has an output base of its own, so that it takes a second Bazel server and minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/checkout"
	"github.com/kubernaut/kubernaut/tools/newservice/scaffold"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := flag.String("name", "foo", "the new service's name")
	flag.Parse()
	if err := run(ctx, os.Getenv("BUILD_WORKSPACE_DIRECTORY"), *name, bazel); err != nil {
		fmt.Fprintf(os.Stderr, "proof: error: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("proof: service %q builds, passes its tests and its smoke suite, and needed no other edit\n", *name)
}

// runner runs Bazel in a workspace.
type runner func(ctx context.Context, workspace string, args ...string) error

func run(ctx context.Context, here, name string, bazel runner) error {
	if here == "" {
		return errors.New("BUILD_WORKSPACE_DIRECTORY is not set; start it by `tools/bazelw run //tools/newservice/proof`")
	}
	tmp, err := os.MkdirTemp("", "newservice-")
	if err != nil {
		return err
	}
	defer remove(tmp)
	there := filepath.Join(tmp, "kubernaut")
	if err := checkout.Copy(ctx, here, there); err != nil {
		return fmt.Errorf("copying the checkout: %w", err)
	}
	defer bazel(context.WithoutCancel(ctx), there, "shutdown") //nolint:errcheck // the server's folder goes away next
	if err := create(ctx, there, name, bazel); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"build", "//services/" + name + "/...", "//test/e2e:" + name},
		{"test", "//services/" + name + "/...", "//:gazelle_test", "//tools/format/..."},
		{"run", "//test/e2e:matrix"},
		{"test", "//test/e2e:matrix_test"},
		{"run", "//test/e2e:" + name},
	} {
		if err := bazel(ctx, there, args...); err != nil {
			return err
		}
	}
	return nil
}

// create runs newservice and holds what it changed against what it may change.
func create(ctx context.Context, workspace, name string, bazel runner) error {
	before, err := snapshot(workspace)
	if err != nil {
		return err
	}
	if err := bazel(ctx, workspace, "run", "//tools/newservice", "--", "--name="+name); err != nil {
		return err
	}
	after, err := snapshot(workspace)
	if err != nil {
		return err
	}
	for path := range before {
		if _, found := after[path]; !found {
			after[path] = "" // deleted
		}
	}
	for path, text := range after {
		own := strings.HasPrefix(path, "services/"+name+"/") || strings.HasPrefix(path, "test/e2e/"+name+"/") || path == scaffold.ListPath
		if text != before[path] && !own {
			return fmt.Errorf("newservice changed %s", path)
		}
	}
	return nil
}

// snapshot returns the content of every file but Bazel's links.
func snapshot(workspace string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(workspace, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(workspace, path)
		files[filepath.ToSlash(short)] = string(data)
		return err
	})
	return files, err
}

func bazel(ctx context.Context, workspace string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(workspace, "tools", "bazelw"), append([]string{"--output_base=" + workspace + ".output"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = workspace, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running tools/bazelw %s in a copy of the checkout: %w", strings.Join(args, " "), err)
	}
	return nil
}

func remove(dir string) {
	if err := checkout.Remove(dir); err != nil {
		fmt.Fprintf(os.Stderr, "proof: warning: %v\n", err)
	}
}
