package expression

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhysd/actionlint"
)

func (s Scope) evaluate(node actionlint.ExprNode) (any, error) {
	switch n := node.(type) {
	case *actionlint.NullNode:
		return nil, nil
	case *actionlint.BoolNode:
		return n.Value, nil
	case *actionlint.IntNode:
		return float64(n.Value), nil
	case *actionlint.FloatNode:
		return n.Value, nil
	case *actionlint.StringNode:
		return n.Value, nil
	case *actionlint.VariableNode:
		return s.context(n.Name)
	case *actionlint.ObjectDerefNode:
		return s.property(n)
	case *actionlint.ArrayDerefNode:
		return s.filter(n)
	case *actionlint.IndexAccessNode:
		return s.index(n)
	case *actionlint.NotOpNode:
		value, err := s.evaluate(n.Operand)
		return !Truthy(value), err
	case *actionlint.LogicalOpNode:
		return s.logical(n)
	case *actionlint.CompareOpNode:
		return s.compare(n)
	case *actionlint.FuncCallNode:
		return s.call(n)
	}
	return nil, fmt.Errorf("%T is not supported", node)
}

func (s Scope) context(name string) (any, error) {
	value, ok := s.Contexts[name]
	if !ok {
		return nil, fmt.Errorf("there is no context %q here", name)
	}
	return value, nil
}

// filtered is what `.*` makes: a later property is looked up in each element.
type filtered []any

func (s Scope) property(n *actionlint.ObjectDerefNode) (any, error) {
	receiver, err := s.evaluate(n.Receiver)
	if err != nil {
		return nil, err
	}
	if all, ok := receiver.(filtered); ok {
		found := filtered{}
		for _, each := range all {
			if value, ok := lookUp(each, n.Property); ok {
				found = append(found, value)
			}
		}
		return found, nil
	}
	value, _ := lookUp(receiver, n.Property)
	return value, nil
}

// lookUp compares names without case, as GitHub does; the parser has made them lower case.
func lookUp(object any, name string) (any, bool) {
	properties, _ := object.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		if strings.EqualFold(key, name) {
			return properties[key], true
		}
	}
	return nil, false
}

func (s Scope) filter(n *actionlint.ArrayDerefNode) (any, error) {
	receiver, err := s.evaluate(n.Receiver)
	if err != nil {
		return nil, err
	}
	switch r := receiver.(type) {
	case []any:
		return filtered(r), nil
	case map[string]any:
		all := filtered{}
		for _, key := range slices.Sorted(maps.Keys(r)) {
			all = append(all, r[key])
		}
		return all, nil
	}
	return nil, fmt.Errorf("%q has no elements for .*", String(receiver))
}

func (s Scope) index(n *actionlint.IndexAccessNode) (any, error) {
	operand, err := s.evaluate(n.Operand)
	if err != nil {
		return nil, err
	}
	key, err := s.evaluate(n.Index)
	if err != nil {
		return nil, err
	}
	if list, ok := operand.([]any); ok {
		if i, ok := key.(float64); ok && i >= 0 && int(i) < len(list) {
			return list[int(i)], nil
		}
		return nil, nil
	}
	value, _ := lookUp(operand, String(key))
	return value, nil
}

func (s Scope) logical(n *actionlint.LogicalOpNode) (any, error) {
	left, err := s.evaluate(n.Left)
	if err != nil || Truthy(left) == (n.Kind == actionlint.LogicalOpNodeKindOr) {
		return left, err
	}
	return s.evaluate(n.Right)
}

func (s Scope) compare(n *actionlint.CompareOpNode) (any, error) {
	left, err := s.evaluate(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := s.evaluate(n.Right)
	if err != nil {
		return nil, err
	}
	equal, less, err := order(left, right)
	switch n.Kind {
	case actionlint.CompareOpNodeKindEq:
		return equal, err
	case actionlint.CompareOpNodeKindNotEq:
		return !equal, err
	case actionlint.CompareOpNodeKindLess:
		return less, err
	case actionlint.CompareOpNodeKindLessEq:
		return less || equal, err
	}
	return nil, fmt.Errorf("operator %s is not supported", n.Kind)
}

// order compares texts without case, and values of different types as numbers
// (https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#operators).
func order(left, right any) (equal, less bool, err error) {
	a, aText := left.(string)
	b, bText := right.(string)
	if aText && bText {
		a, b = strings.ToLower(a), strings.ToLower(b)
		return a == b, a < b, nil
	}
	x, err := number(left)
	if err != nil {
		return false, false, err
	}
	y, err := number(right)
	return x == y, x < y, err
}

func number(value any) (float64, error) {
	switch v := value.(type) {
	case nil:
		return 0, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case float64:
		return v, nil
	case string:
		if strings.TrimSpace(v) == "" {
			return 0, nil
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return math.NaN(), nil
		}
		return f, nil
	}
	return 0, errNumber
}
