package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// graph is suite_graph's file.
type graph struct {
	Command  string    `json:"command"` // label that writes the matrix
	File     string    `json:"file"`    // the matrix's path in the workspace
	Services []service `json:"services"`
	Suites   []suite   `json:"suites"`
}

type service struct {
	Name  string `json:"name"`
	Image string `json:"image"` // label
}

type suite struct {
	Name       string    `json:"name"`
	Label      string    `json:"label"`
	Images     []image   `json:"images"`
	Manifests  []string  `json:"manifests"` // labels
	Expose     []expose  `json:"expose"`
	KindConfig string    `json:"kindConfig"` // path in the workspace
	NodeImage  nodeImage `json:"nodeImage"`
	Test       string    `json:"test"`      // label
	TimeLimit  string    `json:"timeLimit"` // Go duration
}

type image struct {
	Label string `json:"label"`
	Name  string `json:"name"`
}

type expose struct {
	Env     string `json:"env"`
	Port    string `json:"port"`
	Service string `json:"service"`
}

type nodeImage struct {
	Label     string `json:"label"`
	Reference string `json:"reference"` // where nobody sets another; may be empty
}

// decode reads a graph and puts services by name, suites by name with a suite's variants behind it.
func decode(data []byte) (graph, error) {
	var g graph
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&g); err != nil {
		return graph{}, fmt.Errorf("decoding the graph: %w", err)
	}
	slices.SortFunc(g.Services, func(a, b service) int { return strings.Compare(a.Name, b.Name) })
	g.Suites = variantsLast(g)
	return g, nil
}

// variantsLast returns the suites by name, each followed by its variants.
func variantsLast(g graph) []suite {
	var sorted []suite
	bases := slices.DeleteFunc(slices.Clone(g.Suites), func(s suite) bool { return g.base(s) != s.Name })
	byName := func(a, b suite) int { return strings.Compare(a.Name, b.Name) }
	for _, base := range slices.SortedFunc(slices.Values(bases), byName) {
		variants := slices.DeleteFunc(slices.Clone(g.Suites), func(s suite) bool { return g.base(s) != base.Name || s.Name == base.Name })
		sorted = append(append(sorted, base), slices.SortedFunc(slices.Values(variants), byName)...)
	}
	return sorted
}

// base returns the suite that s is a variant of, s.Name when it is none. Suites with one test are variants of the one that
// has the name of the test's folder, else of the first by name.
func (g graph) base(s suite) string {
	pkg, _, _ := strings.Cut(s.Test, ":")
	first := s.Name
	for _, other := range g.Suites {
		if other.Test != s.Test {
			continue
		}
		if other.Name == path.Base(pkg) {
			return other.Name
		}
		first = min(first, other.Name)
	}
	return first
}

// runs says whether the suite has the service's image.
func (s suite) runs(of service) bool {
	return slices.ContainsFunc(s.Images, func(i image) bool { return i.Label == of.Image })
}

// others returns the suite's images that are no service's.
func (g graph) others(s suite) []image {
	var others []image
	for _, i := range s.Images {
		if !slices.ContainsFunc(g.Services, func(of service) bool { return of.Image == i.Label }) {
			others = append(others, i)
		}
	}
	return others
}
