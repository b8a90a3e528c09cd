// Package scaffold is a new service as files: the service, its manifest, its suite, each with tests, from templates.
//
// A service touches no shared file but the list of suites, which gets one line. Its constants live in its own folder.
//
// What is written is formatted by gofmt and buildifier as libraries: the order of imports and of labels depends on the
// service's name, so that no template can hold it.
//
// Not a goal: options. A new service is changed by hand in its first hour anyway; what it starts with is the least that
// keeps all rules of the project.
package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// module is the Go module's path.
const module = "github.com/kubernaut/kubernaut"

// maxName keeps the names that are derived from it within 63 characters; a suite's namespace is the longest.
const maxName = 40

// dnsLabel is a name that a Service may have: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.1
var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// reserved says what a name already means: a folder of services or test/e2e, a target beside a service or a suite, or a
// folder that go ignores.
func reserved(name string) string {
	switch {
	case slices.Contains([]string{"api", "internal"}, name):
		return "the folder services/" + name + " is shared code"
	case slices.Contains([]string{"image", "push"}, name):
		return "//services/" + name + ":" + name + " is made by service_image"
	case slices.Contains([]string{"all", "matrix"}, name):
		return "//test/e2e:" + name + " is no suite of a service"
	case slices.Contains([]string{"testdata", "vendor"}, name):
		return "go ignores folders of that name"
	}
	return ""
}

// Service is a name and what follows from it. Its zero value is not valid; see New.
type Service struct {
	// Name of folders, image, Service, suite: "order-book".
	Name string
	// Env begins the names of environment variables: "ORDER_BOOK".
	Env string
	// Package is the name as a Go package: "orderbook".
	Package string
	// Test is the name in a Go test's name: "OrderBook".
	Test string
	// Module is the Go module's path.
	Module string
}

// New returns the service of a name, or an error that says what a name must be.
func New(name string) (Service, error) {
	if !dnsLabel.MatchString(name) || len(name) > maxName {
		return Service{}, fmt.Errorf("name must be 1 to %d lower-case letters, digits and dashes, first a letter, last no dash; got %q", maxName, name)
	}
	if why := reserved(name); why != "" {
		return Service{}, fmt.Errorf("name %q is taken: %s", name, why)
	}
	var test strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word != "" {
			test.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return Service{
		Name:    name,
		Env:     strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
		Package: strings.ReplaceAll(name, "-", ""),
		Test:    test.String(),
		Module:  module,
	}, nil
}
