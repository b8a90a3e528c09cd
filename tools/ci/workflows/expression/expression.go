// Package expression evaluates the expressions of GitHub's workflow files, as far as this repository's use them.
//
// actionlint parses; the values and their conversions follow
// https://docs.github.com/en/actions/reference/workflows-and-actions/expressions. A value is nil, bool, float64, string,
// []any or map[string]any, as encoding/json makes them. A context that the scope does not have, a function that is not here
// and a filter of anything but an object or an array are errors, because a test that guesses passes for the wrong reason. A
// property that an object does not have is null, as it is on GitHub.
package expression

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rhysd/actionlint"
)

// Scope is what an expression can see.
type Scope struct {
	Contexts map[string]any // "github", "needs", …; values as encoding/json makes them
	Status   Status         // what always(), success(), failure() and cancelled() answer
}

// Status is how what came before has ended. The zero value is success.
type Status struct {
	Failed    bool // a needed job or an earlier step has failed
	Skipped   bool // a needed job was skipped
	Cancelled bool
}

func (s Status) success() bool { return !s.Failed && !s.Skipped && !s.Cancelled }

// Evaluate evaluates one expression, with or without "${{" and "}}" around it.
func Evaluate(source string, scope Scope) (any, error) {
	node, err := Parse(source)
	if err != nil {
		return nil, err
	}
	value, err := scope.evaluate(node)
	if err != nil {
		return nil, fmt.Errorf("evaluating %q: %w", source, err)
	}
	return value, nil
}

// Parse returns the syntax tree of one expression, with or without "${{" and "}}" around it.
func Parse(source string) (actionlint.ExprNode, error) {
	inner := strings.TrimSpace(source)
	if rest, ok := strings.CutPrefix(inner, "${{"); ok {
		inner = strings.TrimSuffix(rest, "}}")
	}
	node, err := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(inner + "}}"))
	if err != nil {
		return nil, fmt.Errorf("parsing expression %q: %w", source, err)
	}
	return node, nil
}

// Split cuts a text into the parts outside of expressions and the expressions between them, without their braces: there is one
// more text than expressions. Two braces in a string of an expression do not end it.
func Split(text string) (texts, expressions []string, err error) {
	for {
		before, rest, ok := strings.Cut(text, "${{")
		texts = append(texts, before)
		if !ok {
			return texts, expressions, nil
		}
		_, length, lexErr := actionlint.LexExpression(rest)
		if lexErr != nil {
			return nil, nil, fmt.Errorf("parsing expressions of %q: %w", text, lexErr)
		}
		expressions = append(expressions, strings.TrimSuffix(rest[:length], "}}"))
		text = rest[length:]
	}
}

// Interpolate replaces each expression of a text by its value.
func Interpolate(text string, scope Scope) (string, error) {
	texts, expressions, err := Split(text)
	if err != nil {
		return "", err
	}
	out := texts[0]
	for i, e := range expressions {
		value, err := Evaluate(e, scope)
		if err != nil {
			return "", err
		}
		out += String(value) + texts[i+1]
	}
	return out, nil
}

// Condition evaluates an `if`. Without a call of a status function it holds only after success
// (https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions); an empty one is success().
func Condition(source string, scope Scope) (bool, error) {
	if strings.TrimSpace(source) == "" {
		source = "success()"
	}
	node, err := Parse(source)
	if err != nil {
		return false, err
	}
	if !CallsStatus(node) && !scope.Status.success() {
		return false, nil
	}
	value, err := Evaluate(source, scope)
	return Truthy(value), err
}

// CallsStatus reports whether an expression calls always(), success(), failure() or cancelled().
func CallsStatus(node actionlint.ExprNode) bool {
	found := false
	actionlint.VisitExprNode(node, func(n, _ actionlint.ExprNode, entering bool) {
		if call, ok := n.(*actionlint.FuncCallNode); ok && entering {
			_, status := Status{}.call(strings.ToLower(call.Callee))
			found = found || status
		}
	})
	return found
}

func (s Status) call(name string) (value, ok bool) {
	switch name {
	case "always":
		return true, true
	case "success":
		return s.success(), true
	case "failure":
		return s.Failed && !s.Cancelled, true
	case "cancelled":
		return s.Cancelled, true
	}
	return false, false
}

// Truthy is what a condition makes of a value: false, 0, "", null and NaN are false.
func Truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return true
}

// String is what a value becomes in a text.
func String(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', 15, 64)
	case string:
		return v
	case []any:
		return "Array"
	}
	return "Object"
}

// errNumber says that a comparison would convert a value that nobody compares on purpose.
var errNumber = errors.New("only texts, numbers, booleans and null are compared")
