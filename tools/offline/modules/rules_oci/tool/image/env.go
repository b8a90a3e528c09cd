package image

import (
	"regexp"
	"strings"
)

// reference is a variable in a value: "$NAME" or "${NAME}". Either brace may be missing and "$$" is no escape, as in
// rules_oci: "${NAME:-x}" is the value of NAME followed by ":-x}".
var reference = regexp.MustCompile(`\$\{?([a-zA-Z0-9_]+)\}?`)

type variable struct{ name, value string }

// environment lays "NAME=value" lines over base and returns the config's Env. A name that is known keeps its place.
// Values may refer to variables of base and of earlier lines; an unknown name expands to nothing.
func environment(base []any, text string) []any {
	var env []variable
	for _, entry := range base {
		line, _ := entry.(string)
		name, value, _ := strings.Cut(line, "=")
		env = append(env, variable{name, value})
	}
	for _, line := range lines(text) {
		name, value, _ := strings.Cut(line, "=")
		env = assign(env, variable{name, expand(env, value)})
	}
	list := []any{}
	for _, v := range env {
		list = append(list, v.name+"="+v.value)
	}
	return list
}

// lines splits text; unlike strings.Split it makes no empty line of a final newline. Empty lines in between count, and
// NUL bytes are dropped, which a shell cannot read.
func lines(text string) []string {
	text = strings.ReplaceAll(text, "\x00", "")
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func assign(env []variable, v variable) []variable {
	for i := range env {
		if env[i].name == v.name {
			env[i].value = v.value
			return env
		}
	}
	return append(env, v)
}

func expand(env []variable, value string) string {
	expanded := reference.ReplaceAllStringFunc(value, func(match string) string {
		name := reference.FindStringSubmatch(match)[1]
		var found strings.Builder
		for _, v := range env { // a base may name a variable twice: rules_oci takes both values
			if v.name == name {
				found.WriteString(v.value)
			}
		}
		return found.String()
	})
	// A shell's command substitution ends there; only a value of the base can bring newlines.
	return strings.TrimRight(expanded, "\n")
}
