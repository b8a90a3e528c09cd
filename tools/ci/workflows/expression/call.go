package expression

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rhysd/actionlint"
)

func (s Scope) call(n *actionlint.FuncCallNode) (any, error) {
	name := strings.ToLower(n.Callee)
	if value, ok := s.Status.call(name); ok {
		return value, nil
	}
	args := make([]any, len(n.Args))
	for i, arg := range n.Args {
		value, err := s.evaluate(arg)
		if err != nil {
			return nil, err
		}
		args[i] = value
	}
	want := map[string]int{"contains": 2, "startswith": 2, "endswith": 2, "tojson": 1, "fromjson": 1}
	count, ok := want[name]
	if !ok {
		return nil, fmt.Errorf("function %s is not supported", n.Callee)
	}
	if len(args) != count {
		return nil, fmt.Errorf("function %s takes %d arguments, got %d", n.Callee, count, len(args))
	}
	return function(name, args)
}

func function(name string, args []any) (any, error) {
	switch name {
	case "contains":
		return contains(args[0], args[1])
	case "startswith":
		return strings.HasPrefix(folded(args[0]), folded(args[1])), nil
	case "endswith":
		return strings.HasSuffix(folded(args[0]), folded(args[1])), nil
	case "tojson":
		data, err := json.MarshalIndent(args[0], "", "  ")
		return string(data), err
	}
	var value any
	if err := json.Unmarshal([]byte(String(args[0])), &value); err != nil {
		return nil, fmt.Errorf("reading JSON %q: %w", String(args[0]), err)
	}
	return value, nil
}

// contains looks for an element of an array, or for a part of a text.
func contains(in, item any) (any, error) {
	list, ok := in.([]any)
	if all, yes := in.(filtered); yes {
		list, ok = all, true
	}
	if !ok {
		return strings.Contains(folded(in), folded(item)), nil
	}
	for _, each := range list {
		if equal, _, err := order(each, item); err != nil || equal {
			return equal, err
		}
	}
	return false, nil
}

func folded(value any) string { return strings.ToLower(String(value)) }
