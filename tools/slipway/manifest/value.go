package manifest

import (
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"
)

// value converts a node to the types that encoding/json would give, with int64 for integers. Errors begin with the line
// number, to be put behind a file name.
func value(node *yaml.Node) (any, error) {
	node = resolve(node)
	switch node.Kind {
	case yaml.MappingNode:
		return mapping(node)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			v, err := value(item)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	default:
		return scalar(node)
	}
}

func mapping(node *yaml.Node) (map[string]any, error) {
	content := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := resolve(node.Content[i])
		switch _, twice := content[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("%d: a key must be a string", key.Line)
		case key.Tag == "!!merge":
			return nil, fmt.Errorf("%d: merge keys are not supported", key.Line)
		case twice:
			return nil, fmt.Errorf("%d: key %q is there twice", key.Line, key.Value)
		}
		v, err := value(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		content[key.Value] = v
	}
	return content, nil
}

// scalar keeps what only looks like another type to YAML (dates, base64) a string: Kubernetes has no such types.
func scalar(node *yaml.Node) (any, error) {
	var err error
	switch node.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err = node.Decode(&b); err == nil {
			return b, nil
		}
	case "!!int":
		var i int64
		if err = node.Decode(&i); err == nil {
			return i, nil
		}
	case "!!float":
		var f float64
		if err = node.Decode(&f); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			err = fmt.Errorf("%q has no form in JSON", node.Value)
		}
		if err == nil {
			return f, nil
		}
	default:
		return node.Value, nil
	}
	return nil, fmt.Errorf("%d: %w", node.Line, err)
}

// resolve follows aliases. YAML forbids that an alias contains itself; yaml.v3 refuses such a file.
func resolve(node *yaml.Node) *yaml.Node {
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// child returns the value of a mapping's key, nil when there is none.
func child(node *yaml.Node, key string) *yaml.Node {
	if node = resolve(node); node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return resolve(node.Content[i+1])
		}
	}
	return nil
}

func sequence(node *yaml.Node) []*yaml.Node {
	if node = resolve(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }
