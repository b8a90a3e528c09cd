// Package manifest reads Kubernetes manifests: files of YAML documents in, one object per document out, each with the
// file and the line where it begins.
//
// It knows where the images of the built-in workloads are and how a suite's objects are copied into namespaces of their
// own, and nothing else about Kubernetes, so that the build's check of a suite's manifests and the deployment share one
// reading of them without the build depending on a client library. It is pure. A document of kind List counts as its items.
//
// Non-goals: templates, schemas (package deploy has them), YAML 1.1 booleans ("yes" is a string).
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is one manifest.
type File struct {
	Short string // workspace path, for messages: "services/gateway/deploy/gateway.yaml"
	Data  []byte
}

// Object is one Kubernetes object of a manifest.
type Object struct {
	File    string         // the File's Short
	Line    int            // first line of the object, from 1
	Content map[string]any // values of the types that JSON knows; integers are int64
	node    *yaml.Node
}

// Kind returns the object's kind.
func (o Object) Kind() string { return text(o.Content, "kind") }

// Group returns the API group of the object's apiVersion; "" is the core group.
func (o Object) Group() string {
	group, _, found := strings.Cut(text(o.Content, "apiVersion"), "/")
	if !found {
		return ""
	}
	return group
}

// Name returns the object's name, "" when it has none.
func (o Object) Name() string { return text(metadata(o), "name") }

func (o Object) is(group, kind string) bool { return o.Group() == group && o.Kind() == kind }

// label returns "service/gateway", as kubectl would have it typed.
func (o Object) label() string { return strings.ToLower(o.Kind()) + "/" + o.Name() }

func metadata(o Object) map[string]any {
	m, _ := o.Content["metadata"].(map[string]any)
	return m
}

// Where returns "file:line" of the object's beginning.
func (o Object) Where() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// Parse returns the objects of the file in their order. Empty documents are left out.
func Parse(file File) ([]Object, error) {
	var objects []Object
	decoder := yaml.NewDecoder(bytes.NewReader(file.Data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: parsing YAML: %w", file.Short, err)
		}
		found, err := documentObjects(file.Short, &document)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
}

func documentObjects(file string, document *yaml.Node) ([]Object, error) {
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return nil, nil
	}
	object, err := newObject(file, document.Content[0])
	if err != nil {
		return nil, err
	}
	if object.Kind() != "List" || object.Group() != "" {
		return []Object{object}, nil
	}
	var objects []Object
	for _, item := range sequence(child(object.node, "items")) {
		object, err := newObject(file, item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func newObject(file string, node *yaml.Node) (Object, error) {
	node = resolve(node)
	where := fmt.Sprintf("%s:%d", file, node.Line)
	if node.Kind != yaml.MappingNode {
		return Object{}, fmt.Errorf("%s: a document must be a Kubernetes object", where)
	}
	content, err := mapping(node)
	if err != nil {
		return Object{}, fmt.Errorf("%s:%w", file, err)
	}
	for _, field := range []string{"apiVersion", "kind"} {
		if text(content, field) == "" {
			return Object{}, fmt.Errorf("%s: %s is missing", where, field)
		}
	}
	return Object{File: file, Line: node.Line, Content: content, node: node}, nil
}

func text(content map[string]any, key string) string {
	s, _ := content[key].(string)
	return s
}
