package investigate

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parameter is what a workflow says about one of its parameters.
type parameter struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Enum     []any  `json:"enum"`
}

// schema is the JSON form of a workflow's parameters when it is an object: either a JSON schema, or one field per
// parameter.
type schema struct {
	Properties map[string]parameter `json:"properties"`
	Required   []string             `json:"required"`
}

// declared reads a workflow's parameters in any of three forms: a list of objects with name, type, required and enum; a
// JSON schema of an object; an object from names to type, required and enum. nil means that the workflow declares nothing
// that can be understood, and that any parameter is welcome.
func declared(raw json.RawMessage) map[string]parameter {
	var listed []parameter
	if len(raw) > 0 && json.Unmarshal(raw, &listed) == nil && listed != nil {
		all := map[string]parameter{}
		for _, p := range listed {
			all[p.Name] = p
		}
		return all
	}
	var object schema
	if json.Unmarshal(raw, &object) == nil && object.Properties != nil {
		for _, name := range object.Required {
			p := object.Properties[name]
			p.Required = true
			object.Properties[name] = p
		}
		return object.Properties
	}
	var fields map[string]parameter
	if json.Unmarshal(raw, &fields) == nil {
		return fields
	}
	return nil
}

// variable is what can become the name of an environment variable.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// fill returns the given values that the workflow declares as text, the names of those it does not, and what is wrong. The
// result is never nil.
func fill(declared map[string]parameter, given map[string]any) (values map[string]string, unknown, faults []string) {
	values = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		p, known := declared[key]
		if declared != nil && !known {
			unknown = append(unknown, key)
			continue
		}
		value, fault := p.text(given[key])
		switch {
		case !variable.MatchString(key):
			faults = append(faults, fmt.Sprintf("parameter %.60q must have a name of letters, digits, _ . and -, with a letter or _ first", key))
		case fault != "":
			faults = append(faults, fmt.Sprintf("parameter %s %s", key, fault))
		default:
			values[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		if _, present := given[key]; declared[key].Required && !present {
			faults = append(faults, fmt.Sprintf("parameter %s is required", key))
		}
	}
	return values, unknown, faults
}

// text returns a value as text, or what is wrong with it.
func (p parameter) text(given any) (value, fault string) {
	switch typed := given.(type) {
	case string:
		value = typed
	case bool:
		value = strconv.FormatBool(typed)
	case json.Number:
		value = typed.String()
	default:
		return "", "must be a text, a number, true or false"
	}
	switch {
	case p.Required && value == "":
		return "", "must not be empty"
	case strings.ContainsRune(value, 0):
		return "", "must not hold NUL"
	case !p.fits(value):
		return "", "must be of type " + p.Type
	case len(p.Enum) > 0 && !slices.ContainsFunc(p.Enum, func(allowed any) bool { return fmt.Sprint(allowed) == value }):
		return "", fmt.Sprintf("must be one of %v", p.Enum)
	}
	return value, ""
}

// fits checks the types of JSON schema that a text can have; others are taken as they come.
func (p parameter) fits(value string) bool {
	var err error
	switch p.Type {
	case "integer", "int":
		_, err = strconv.ParseInt(value, 10, 64)
	case "number", "float":
		_, err = strconv.ParseFloat(value, 64)
	case "boolean", "bool":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}
