package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxName is the longest name of a namespace
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names).
const maxName = 63

// CheckCopy reports, each with file and line, what Copy would leave behind in the namespaces of other suites.
func CheckCopy(objects []Object, platform, suite string) error {
	c := isolation{namespaces: Namespaces(objects, platform), scope: scopes(objects)}
	var errs []error
	for _, name := range c.namespaces {
		if copied := CopyName(name, suite); len(copied) > maxName {
			errs = append(errs, fmt.Errorf("namespace %q has more than %d characters; give the suite a shorter name", copied, maxName))
		}
	}
	for _, o := range objects {
		errs = append(errs, c.place(o), c.texts(o, "", o.node), c.webhooks(o))
	}
	return errors.Join(errs...)
}

type isolation struct {
	namespaces []string
	scope      scope
}

// place refuses objects whose place cannot be copied.
func (c isolation) place(o Object) error {
	ns := text(metadata(o), "namespace")
	switch {
	case o.is("apiregistration.k8s.io", "APIService"):
		return fmt.Errorf("%s: %s cannot be copied for each suite: its name says what it serves; serve a webhook or a custom resource instead", o.Where(), o.label())
	case ns != "" && !c.scope.cluster(o) && !slices.Contains(c.namespaces, ns):
		return fmt.Errorf("%s: %s is in namespace %s, which all suites share; use %s, or declare the namespace in a manifest",
			o.Where(), o.label(), ns, strings.Join(c.namespaces, " or "))
	}
	return nil
}

// texts refuses values that hold a namespace's name among other things, and any mention of it in a shared object. The
// descriptions of a definition's schema are prose.
func (c isolation) texts(o Object, key string, node *yaml.Node) error {
	var errs []error
	switch node = resolve(node); {
	case node == nil || key == "description" && o.shared():
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			errs = append(errs, c.texts(o, node.Content[i].Value, node.Content[i+1]))
		}
	case node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			errs = append(errs, c.texts(o, key, item))
		}
	case node.ShortTag() == "!!str":
		return c.text(o, node)
	}
	return errors.Join(errs...)
}

func (c isolation) text(o Object, node *yaml.Node) error {
	for _, name := range c.namespaces {
		at := find(node.Value, name)
		switch {
		case at < 0:
		case o.shared():
			return fmt.Errorf("%s:%d: %s is shared by all suites and cannot name the namespace %s; use a Role, or leave the name out", o.File, node.Line, o.label(), name)
		case !slices.Contains(c.namespaces, node.Value):
			return fmt.Errorf("%s:%d: a text contains the namespace %s: every suite has its own copy, and only a value that is exactly %q follows; "+
				"use an env variable with fieldRef metadata.namespace, and a Service's bare name", o.File, lineOf(node, at), name, name)
		}
	}
	return nil
}

// find returns where the name stands in the text as a word or as a part between dashes, dots and their like; -1 when it
// does not.
func find(s, name string) int {
	for at := 0; ; at++ {
		next := strings.Index(s[at:], name)
		if next < 0 {
			return -1
		}
		at += next
		end := at + len(name)
		if (at == 0 || !alphanumeric(s[at-1])) && (end == len(s) || !alphanumeric(s[end])) {
			return at
		}
	}
}

func alphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// lineOf returns the line of a position in the node's text. A block begins one line below its indicator.
func lineOf(node *yaml.Node, at int) int {
	if node.Style&yaml.LiteralStyle == 0 {
		return node.Line
	}
	return node.Line + 1 + strings.Count(node.Value[:at], "\n")
}

// webhooks refuses those that would be called for the objects of other suites.
func (c isolation) webhooks(o Object) error {
	if !o.is("admissionregistration.k8s.io", "MutatingWebhookConfiguration") && !o.is("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") {
		return nil
	}
	var errs []error
	for _, webhook := range sequence(child(o.node, "webhooks")) {
		if !c.names(child(webhook, "namespaceSelector")) {
			errs = append(errs, fmt.Errorf("%s:%d: %s would be called for the objects of all suites; add namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}",
				o.File, resolve(webhook).Line, o.label(), c.namespaces[0]))
		}
	}
	return errors.Join(errs...)
}

// names reports whether a value below the node is one of the namespaces.
func (c isolation) names(node *yaml.Node) bool {
	node = resolve(node)
	if node == nil {
		return false
	}
	return node.Kind == yaml.ScalarNode && slices.Contains(c.namespaces, node.Value) || slices.ContainsFunc(node.Content, c.names)
}
