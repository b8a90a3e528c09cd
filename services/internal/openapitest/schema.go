package openapitest

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// schema holds the keywords that are checked. Formats and bounds are the service's own tests' business.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 any    // a string, or a list of them
	Enum                 []any
	Pattern              string
	Required             []string
	Properties           map[string]schema
	AdditionalProperties any // a bool, or a schema
	Items                *schema
	OneOf                []schema
}

// fits returns where and why the value is none of the schema, "" if it is one.
func (d *Description) fits(s schema, value any, at string) string {
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		target, found := d.Components.Schemas[name]
		if !found {
			return fmt.Sprintf("%s: no schema %s", at, s.Ref)
		}
		return d.fits(target, value, at)
	}
	if s.Type != nil && !ofType(s.Type, value) {
		return fmt.Sprintf("%s: want %v, got %.100v", at, s.Type, value)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Sprintf("%s: want one of %v, got %.100v", at, s.Enum, value)
	}
	if s.OneOf != nil && d.count(s.OneOf, value) != 1 {
		return fmt.Sprintf("%s: fits %d of the alternatives, want one: %.100v", at, d.count(s.OneOf, value), value)
	}
	switch value := value.(type) {
	case string:
		if !regexp.MustCompile(s.Pattern).MatchString(value) {
			return fmt.Sprintf("%s: want %s, got %.100q", at, s.Pattern, value)
		}
	case []any:
		return d.fitsList(s, value, at)
	case map[string]any:
		return d.fitsObject(s, value, at)
	}
	return ""
}

func (d *Description) count(alternatives []schema, value any) int {
	n := 0
	for _, alternative := range alternatives {
		if d.fits(alternative, value, "") == "" {
			n++
		}
	}
	return n
}

func (d *Description) fitsList(s schema, list []any, at string) string {
	if s.Items == nil {
		return ""
	}
	for i, item := range list {
		if why := d.fits(*s.Items, item, fmt.Sprintf("%s[%d]", at, i)); why != "" {
			return why
		}
	}
	return ""
}

func (d *Description) fitsObject(s schema, object map[string]any, at string) string {
	for _, name := range s.Required {
		if _, found := object[name]; !found {
			return fmt.Sprintf("%s: no field %q", at, name)
		}
	}
	for name, value := range object {
		property, found := s.Properties[name]
		if !found && s.AdditionalProperties == false {
			return fmt.Sprintf("%s: field %q is not described", at, name)
		}
		if rest, ok := s.AdditionalProperties.(map[string]any); !found && ok {
			property = remarshal(rest)
		}
		if why := d.fits(property, value, at+"."+name); why != "" {
			return why
		}
	}
	return ""
}

// remarshal is for a schema that was decoded without its type.
func remarshal(value map[string]any) (s schema) {
	// What was JSON is JSON again; what is no schema is one without keywords.
	text, _ := json.Marshal(value)
	_ = json.Unmarshal(text, &s)
	return s
}

func ofType(kind, value any) bool {
	if kinds, ok := kind.([]any); ok {
		return slices.ContainsFunc(kinds, func(kind any) bool { return ofType(kind, value) })
	}
	switch value := value.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && value == math.Trunc(value)
	case []any:
		return kind == "array"
	}
	return kind == "object"
}
