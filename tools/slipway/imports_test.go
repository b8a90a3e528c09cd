package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/kubernaut/kubernaut/"
	self   = module + "tools/slipway/"
)

// allowed is what each package may import of slipway. A package that is not listed must not exist: add it here, with the
// reason for its place.
var allowed = map[string][]string{
	".":         {"cli", "command", "interrupt"},
	"push":      {"command", "delivery", "interrupt"}, // a program that starts fast, so no cluster and no deploy
	"fault":     {},
	"interrupt": {},
	"github":    {"plan"},
	"bundle":    {"plan"},
	"plan":      {},
	"manifest":  {},
	"disk":      {}, // measures; knows nothing of runs
	"progress":  {"plan", "fault"},
	"source":    {"plan", "fault", "progress"},
	"bazelrc":   {"source"},
	"report":    {"plan", "fault", "progress"},
	"cluster":   {"plan", "fault", "progress", "disk"}, // says which folders its engine and nodes fill
	"deploy":    {"plan", "fault", "progress", "manifest"},
	"suite":     {"plan", "fault", "progress"},
	"registry":  {"plan", "fault", "progress", "source"},
	"prune":     {"plan", "fault", "progress", "registry", "github"},
	"release":   {"plan", "fault", "progress", "source", "registry"},
	"node":      {"plan", "fault", "progress", "source", "cluster", "disk"},
	"doctor":    {"plan", "registry"},
	"command":   {"plan", "fault", "progress", "source", "registry", "report", "bundle"},
	"delivery":  {"plan", "fault", "progress", "source", "registry", "report", "bazelrc", "command", "doctor"},
	"cli":       {"command", "delivery", "plan", "fault", "progress", "source", "cluster", "deploy", "suite", "registry", "node", "report", "manifest", "bazelrc", "disk", "bundle", "prune", "release", "github"},
}

// stdOnly are the packages that hold decisions and nothing else; they build and test without a module download.
var stdOnly = []string{"fault", "plan", "disk"}

// quick are the packages of the program that pushes, whose time is that of its start when nothing has changed.
var quick = []string{"push", "command", "delivery", "registry", "source", "bazelrc", "report", "progress", "bundle", "plan", "fault", "interrupt"}

// processWide belongs to the command line: a package that reads it cannot be tested or reused.
var processWide = []string{"os.Args", "os.Getenv", "os.LookupEnv", "os.Environ", "os.Exit", "log.Fatal", "log.Fatalf"}

// processWideIn are the packages that may use some of it.
var processWideIn = map[string][]string{
	".":    processWide,
	"push": processWide,
}

// The sources are found relative to the working directory, which is the package's folder under go test and bazel test.
func TestImports(t *testing.T) {
	packages := parse(t)
	if got, want := slices.Sorted(maps.Keys(packages)), slices.Sorted(maps.Keys(allowed)); !slices.Equal(got, want) {
		t.Fatalf("got packages %v, want %v; under Bazel all sources must be data of this test", got, want)
	}
	for name, files := range packages {
		for path, file := range files {
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if why := forbidden(name, imported); why != "" {
					t.Errorf("%s imports %q: %s", path, imported, why)
				}
			}
		}
	}
}

func forbidden(name, imported string) string {
	if sibling, ok := strings.CutPrefix(imported, self); ok {
		if !slices.Contains(allowed[name], sibling) {
			return "package " + name + " may import " + strings.Join(allowed[name], ", ")
		}
		return ""
	}
	if strings.HasPrefix(imported, module) {
		return "slipway imports nothing else of this repository"
	}
	first, _, _ := strings.Cut(imported, "/")
	if slices.Contains(stdOnly, name) && strings.Contains(first, ".") {
		return "package " + name + " imports the standard library alone"
	}
	if slices.Contains(quick, name) && (first == "k8s.io" || first == "sigs.k8s.io") {
		return "package " + name + " is of a program that starts without Kubernetes' clients"
	}
	return ""
}

func TestProcessWide(t *testing.T) {
	for name, files := range parse(t) {
		for path, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok {
					use := x.Name + "." + sel.Sel.Name
					if slices.Contains(processWide, use) && !slices.Contains(processWideIn[name], use) {
						t.Errorf("%s uses %s: only main does, and hands it to package cli", path, use)
					}
				}
				return true
			})
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function", path)
				}
			}
		}
	}
}

// parse reads all sources that are not tests, by package folder and path.
func parse(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	packages := map[string]map[string]*ast.File{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		name := filepath.ToSlash(filepath.Dir(path))
		if packages[name] == nil {
			packages[name] = map[string]*ast.File{}
		}
		packages[name][path] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
