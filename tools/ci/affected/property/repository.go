package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/checkout"
	"github.com/kubernaut/kubernaut/tools/ci/affected"
	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
)

// repositoryRun edits single files of a copy of this checkout.
type repositoryRun struct {
	*workspace
	finder affected.Finder
	rows   []string
	images map[string][]string // of each suite, by the committed matrix
}

// all stands for every suite.
var all = []string{"*"}

// single are edits with the suites that they affect. A suite is affected by the services that it runs.
func (r *repositoryRun) single() map[string][]string {
	return map[string][]string{
		"README.md":                      nil,
		"tools/ci/tag/tag.go":            nil,
		"services/gateway/main.go":       r.with("gateway"),
		"services/notification/main.go":  r.with("notification"),
		"services/datastorage/main.go":   all,
		"test/e2e/gateway/suite_test.go": {"gateway", "gateway-workers"},
	}
}

func (r *repositoryRun) run(ctx context.Context, here string) error {
	base := snapshot.Bazel{}
	output, err := base.Base(ctx, here)
	if err != nil {
		return err
	}
	// The copy finds all modules where the checkout has them.
	r.output, r.finder.Bazel.OutputBase = output, output
	if err := checkout.Copy(ctx, here, r.dir); err != nil {
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.readMatrix(); err != nil {
		return err
	}
	expected, err := r.internal(ctx)
	if err != nil {
		return err
	}
	maps.Copy(expected, r.single())
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, r.edit(ctx, name, expected[name]))
	}
	return errors.Join(errs...)
}

func (r *repositoryRun) edit(ctx context.Context, name string, want []string) error {
	line := ""
	if strings.HasSuffix(name, ".go") {
		line = "\nvar _ = \"an edit\""
	}
	if err := r.add(name, line); err != nil {
		return err
	}
	answer, err := r.finder.Find(ctx, "HEAD", affected.WorkTree)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := r.git(ctx, "checkout", "--quiet", "--", name); err != nil {
		return err
	}
	if slices.Equal(want, all) {
		want = slices.Sorted(maps.Keys(r.images))
	}
	slices.Sort(want)
	slices.Sort(answer.Suites)
	r.rows = append(r.rows, fmt.Sprintf("| %s | %d of %d | %d |\n", name, len(answer.Suites), len(r.images), len(answer.Tests)-len(answer.Suites)))
	if !slices.Equal(want, answer.Suites) || answer.All {
		return fmt.Errorf("%s: got suites %v (%s), want %v", name, answer.Suites, answer.Reason, want)
	}
	return nil
}

// with are the suites that run the service.
func (r *repositoryRun) with(services ...string) []string {
	var names []string
	for suite, images := range r.images {
		if slices.ContainsFunc(images, func(image string) bool { return slices.Contains(services, image) }) {
			names = append(names, suite)
		}
	}
	return names
}

// internal expects of packages of services/internal the suites whose programs or tests import them, as Go sees it.
func (r *repositoryRun) internal(ctx context.Context) (map[string][]string, error) {
	packages := []string{"audit", "policy"}
	imported := map[string][]string{} // of each suite
	for suite, images := range r.images {
		var err error
		if imported[suite], err = r.imports(ctx, suite, images); err != nil {
			return nil, err
		}
	}
	expected := map[string][]string{}
	for _, name := range packages {
		files := r.glob("services/internal/" + name + "/*.go")
		files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
		if len(files) == 0 {
			continue
		}
		expected[files[0]] = importers(imported, "services/internal/"+name)
	}
	if len(expected) == 0 {
		return nil, errors.New("services/internal has none of the packages that were to be edited")
	}
	return expected, nil
}

// importers are the suites that import the package.
func importers(imported map[string][]string, pkg string) (suites []string) {
	for suite, paths := range imported {
		if slices.ContainsFunc(paths, func(path string) bool { return strings.HasSuffix(path, "/kubernaut/"+pkg) }) {
			suites = append(suites, suite)
		}
	}
	return suites
}

// imports are the packages of the images' programs, of the suite's test and of slipway.
func (r *repositoryRun) imports(ctx context.Context, suite string, images []string) ([]string, error) {
	programs := []string{"./tools/slipway"}
	for _, image := range images {
		programs = append(programs, "./services/"+image)
	}
	if suite == "notification" || suite == "fullpipeline" {
		programs = append(programs, "./test/images/receiver")
	}
	folder := strings.TrimSuffix(strings.TrimSuffix(suite, "-workers"), "-postgres")
	found, err := r.list(ctx, programs...)
	if err != nil {
		return nil, err
	}
	tests, err := r.list(ctx, "-test", "./test/e2e/"+folder)
	return append(found, tests...), err
}

func (r *repositoryRun) list(ctx context.Context, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-deps"}, args...)...)
	cmd.Dir, cmd.Stderr = r.dir, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking Go for the packages of %v: %w", args, err)
	}
	return strings.Fields(string(out)), nil
}

// readMatrix reads the table of suites and services.
func (r *repositoryRun) readMatrix() error {
	text, err := r.get("test/e2e/E2E_SERVICE_DEPENDENCY_MATRIX.md")
	if err != nil {
		return err
	}
	r.images = suiteImages(text)
	if len(r.images) == 0 {
		return errors.New("the matrix of suites has no table")
	}
	return nil
}

// suiteImages reads the first table: a column for each service, a row for each suite.
func suiteImages(text string) map[string][]string {
	found := map[string][]string{}
	_, text, _ = strings.Cut(text, "\n| suite |")
	table, _, _ := strings.Cut(text, "\n\n")
	head, rows, _ := strings.Cut(table, "\n")
	services := strings.Split(head, "|")
	for row := range strings.Lines(rows) {
		cells := strings.Split(row, "|")
		suite := strings.Trim(cells[1], " `")
		for i, cell := range cells[2:] {
			if strings.TrimSpace(cell) == "✓" {
				found[suite] = append(found[suite], strings.TrimSpace(services[i]))
			}
		}
	}
	return found
}

func (r *repositoryRun) table() string {
	return "| edit | suites | other tests |\n|---|---|---|\n" + strings.Join(r.rows, "")
}

func newRepository(dir string) *repositoryRun {
	w := &workspace{dir: filepath.Join(dir, "checkout"), log: os.Stderr}
	cache := filepath.Join(dir, "cache")
	return &repositoryRun{workspace: w, finder: affected.Finder{
		Workspace: w.dir, Package: "test/e2e", Cache: cache, Store: snapshot.Store{Dir: filepath.Join(cache, "snapshots")}, Log: w.log,
	}}
}
