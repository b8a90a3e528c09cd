package scaffold

import (
	"fmt"

	"github.com/bazelbuild/buildtools/build"
)

// ListPath is the list of suites in the workspace.
const ListPath = "test/e2e/BUILD.bazel"

const (
	suiteRules = "//tools/e2e:defs.bzl"
	suiteRule  = "service_suite"
)

// isFinal says whether a macro finds the suites that stand above it and refuses suites below.
func isFinal(macro string) bool { return macro == "suite_matrix" || macro == "e2e_suites" }

// addSuite returns the list of suites with the service's, above what finds the suites by itself.
func (s Service) addSuite(list []byte) ([]byte, error) {
	file, err := build.ParseBuild(ListPath, list)
	if err != nil {
		return nil, err
	}
	if file.RuleNamed(s.Name) != nil {
		return nil, fmt.Errorf("%s has a target %q", ListPath, s.Name)
	}
	if err := load(file); err != nil {
		return nil, err
	}
	call, err := build.ParseBuild("", fmt.Appendf(nil, "%s(name = %q)\n", suiteRule, s.Name))
	if err != nil {
		return nil, err
	}
	at := place(file)
	file.Stmt = append(file.Stmt[:at:at], append(call.Stmt, file.Stmt[at:]...)...)
	return build.Format(file), nil
}

// load makes sure that the rule is loaded.
func load(file *build.File) error {
	for _, statement := range file.Stmt {
		l, ok := statement.(*build.LoadStmt)
		if !ok || l.Module.Value != suiteRules {
			continue
		}
		for _, symbol := range l.To {
			if symbol.Name == suiteRule {
				return nil
			}
		}
		l.From = append(l.From, &build.Ident{Name: suiteRule})
		l.To = append(l.To, &build.Ident{Name: suiteRule})
		return nil
	}
	return fmt.Errorf("%s does not load %s", ListPath, suiteRules)
}

// place returns the index of the first statement that is to follow the suites.
func place(file *build.File) int {
	for i, statement := range file.Stmt {
		if call, ok := statement.(*build.CallExpr); ok {
			if rule, ok := call.X.(*build.Ident); ok && isFinal(rule.Name) {
				return i
			}
		}
	}
	return len(file.Stmt)
}
