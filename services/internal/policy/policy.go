// Package policy evaluates Rego policies from a folder, in production a mounted ConfigMap, and follows its changes.
//
// The whole folder is one set: it is taken over only when every module of it compiles and every query that the service asks
// has a definition. A set that does not compile leaves the last good one in force and is reported; as long as there has
// never been a good one, Ready says why. There are no built-in rules to fall back on: a decision that no policy has made is
// none.
//
// Policies cannot reach the network or the process's environment. Rego is of version 1.
//
// https://www.openpolicyagent.org/docs/latest/integration/#integrating-with-the-go-api
package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Config says which policies are evaluated.
type Config struct {
	// Dir holds the *.rego files. Required.
	Dir string
	// Packages must all be defined, for instance "aianalysis.approval". Required.
	Packages []string
	// Interval between two looks at Dir; 0 means 2 s. A mounted ConfigMap changes by a swap of links, which file events
	// report in ways that differ between kernels; a look costs a few reads.
	Interval time.Duration
	// Changed is called after a look at a changed folder: with nil when its policies are in force, else with the reason
	// why the last good ones stay. It is called by Watch's goroutine.
	Changed func(err error)
}

// Readiness says whether policies are in force: Ready is nil then, else the reason. *Set is one.
type Readiness interface {
	Ready() error
}

// Set is safe for concurrent use.
type Set struct {
	cfg Config

	mu      sync.RWMutex
	current compiled
	err     error  // of the last look
	seen    string // hash of the last look
}

// compiled is a set in force.
type compiled struct {
	hash    string
	queries map[string]rego.PreparedEvalQuery
}

// Open looks at the folder once. It never fails: a folder without usable policies is reported by Ready.
func Open(ctx context.Context, cfg Config) *Set {
	if cfg.Interval <= 0 {
		cfg.Interval = 2 * time.Second
	}
	if cfg.Changed == nil {
		cfg.Changed = func(error) {}
	}
	s := &Set{cfg: cfg}
	s.look(ctx)
	return s
}

// Watch follows the folder until ctx ends.
func (s *Set) Watch(ctx context.Context) error {
	ticker := time.NewTicker(s.cfg.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if s.look(ctx) {
				s.cfg.Changed(s.lastError())
			}
		}
	}
}

// Ready returns nil once a good set is in force.
func (s *Set) Ready() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.current.queries != nil {
		return nil
	}
	return s.err
}

// Hash returns the SHA-256, in lower-case hex digits, of the policies in force; empty when there are none.
func (s *Set) Hash() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.hash
}

// Result is what a package says about an input: its rules by name. An undefined rule is absent.
type Result map[string]any

// Eval returns what a package of Config.Packages says about input, and the hash of the policies that said it.
func (s *Set) Eval(ctx context.Context, name string, input any) (Result, string, error) {
	s.mu.RLock()
	current, err := s.current, s.err
	s.mu.RUnlock()
	if current.queries == nil {
		return nil, "", fmt.Errorf("evaluating policy %q: %w", name, err)
	}
	query, found := current.queries[name]
	if !found {
		return nil, "", fmt.Errorf("evaluating policy %q: it is not among the configured packages", name)
	}
	answers, err := query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return nil, "", fmt.Errorf("evaluating policy %q: %w", name, err)
	}
	if len(answers) == 0 || len(answers[0].Expressions) == 0 {
		return nil, "", fmt.Errorf("evaluating policy %q: it has no answer", name)
	}
	rules, ok := answers[0].Expressions[0].Value.(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("evaluating policy %q: got %T, want an object", name, answers[0].Expressions[0].Value)
	}
	return rules, current.hash, nil
}

func (s *Set) lastError() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.err
}

// look reports whether the folder's content differs from the last look's.
func (s *Set) look(ctx context.Context) bool {
	modules, hash, err := read(s.cfg.Dir)
	s.mu.RLock()
	same := hash == s.seen && hash != ""
	s.mu.RUnlock()
	if same {
		return false
	}
	var next compiled
	if err == nil {
		next, err = compile(ctx, modules, hash, s.cfg.Packages)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.seen != hash
	s.seen, s.err = hash, err
	if err == nil {
		s.current = next
	}
	return changed
}

// read returns the folder's modules by file name, and their hash. A mounted ConfigMap has its files at the top, as links
// through ..data, which the kubelet swaps as a whole: only what is read behind that link is one version for sure. A
// version that vanishes while it is read has been swapped, so the next one is read.
func read(dir string) (map[string]string, string, error) {
	for {
		version := behind(dir)
		modules, hash, err := readVersion(version)
		if err == nil || behind(dir) == version {
			return modules, hash, err
		}
	}
}

// behind returns the folder that holds the files themselves: dir, unless it is a mounted ConfigMap.
func behind(dir string) string {
	version, err := filepath.EvalSymlinks(filepath.Join(dir, "..data"))
	if err != nil {
		return dir
	}
	return version
}

func readVersion(dir string) (map[string]string, string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.rego"))
	if err == nil && len(files) == 0 {
		err = errors.New("it has no *.rego file")
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading policies in %q: %w", dir, err)
	}
	slices.Sort(files)
	modules, sum := map[string]string{}, sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, "", fmt.Errorf("reading policies in %q: %w", dir, err)
		}
		name := filepath.Base(file)
		modules[name] = string(text)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return modules, hex.EncodeToString(sum.Sum(nil)), nil
}

func compile(ctx context.Context, modules map[string]string, hash string, packages []string) (compiled, error) {
	parsed := map[string]*ast.Module{}
	for name, text := range modules {
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return compiled{}, fmt.Errorf("compiling policies: %w", err)
		}
		parsed[name] = module
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities())
	if compiler.Compile(parsed); compiler.Failed() {
		return compiled{}, fmt.Errorf("compiling policies: %w", compiler.Errors)
	}
	queries := map[string]rego.PreparedEvalQuery{}
	for _, name := range packages {
		if !defines(parsed, name) {
			return compiled{}, fmt.Errorf("compiling policies: no file has the package %q", name)
		}
		query, err := rego.New(rego.Query("data."+name), rego.Compiler(compiler)).PrepareForEval(ctx)
		if err != nil {
			return compiled{}, fmt.Errorf("compiling policies: package %q: %w", name, err)
		}
		queries[name] = query
	}
	return compiled{hash: hash, queries: queries}, nil
}

func defines(modules map[string]*ast.Module, name string) bool {
	for _, module := range modules {
		if strings.TrimPrefix(module.Package.Path.String(), "data.") == name {
			return true
		}
	}
	return false
}

// capabilities leaves out what reaches beyond the input.
func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	all.AllowNet = []string{}
	all.Builtins = slices.DeleteFunc(all.Builtins, func(builtin *ast.Builtin) bool {
		return slices.Contains([]string{"http.send", "net.lookup_ip_addr", "opa.runtime"}, builtin.Name)
	})
	return all
}
