package investigate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const object = `{"root_cause_analysis": {"summary": "s"}, "confidence": 0.5, "selected_workflow": null}`

func TestParse(t *testing.T) {
	for name, test := range map[string]struct{ text, prose, fault string }{
		"bare":                 {object, "", ""},
		"fenced":               {"```json\n" + object + "\n```", "", ""},
		"fenced without name":  {"```\n" + object + "\n```\n", "", ""},
		"prose around":         {"I looked.\n\n" + object + "\nThat is all.", "I looked.\n\nThat is all.", ""},
		"braces in the prose":  {"The set {a, b} and {\"x\": 1} say:\n" + object, "The set {a, b} and {\"x\": 1} say:", ""},
		"the last one counts":  {strings.Replace(object, "0.5", "7", 1) + "\nNo:\n" + object, strings.Replace(object, "0.5", "7", 1) + "\nNo:", ""},
		"fences in a text":     {strings.Replace(object, `"s"`, `"\u0060\u0060\u0060 {"`, 1), "", ""},
		"unknown fields":       {`{"x": {"y": [1]}, ` + object[1:], "", ""},
		"nothing":              {"", "", "no JSON object"},
		"prose alone":          {"I do not know.", "", "no JSON object"},
		"other object":         {`{"answer": 42}`, "", "no JSON object"},
		"cut off":              {object[:len(object)-3], "", "no JSON object"},
		"a list":               {"[" + strings.Repeat("[", 20000), "", "no JSON object"},
		"many braces":          {strings.Repeat("{", 1<<20), "", "no JSON object"},
		"deep":                 {strings.Repeat(`{"a":`, 100_000), "", "no JSON object"},
		"too long":             {strings.Repeat(" ", 1<<20) + object, "", "at most"},
		"root cause as a text": {`{"root_cause_analysis": "s"}`, "", "form"},
		"root cause empty":     {`{"root_cause_analysis": {"summary": " "}, "confidence": 1}`, "", "summary"},
		"root cause null":      {`{"root_cause_analysis": null, "confidence": 1}`, "", "summary"},
		"no confidence":        {`{"root_cause_analysis": {"summary": "s"}}`, "", "confidence is missing"},
		"confidence as a text": {strings.Replace(object, "0.5", `"high"`, 1), "", "form"},
		"confidence above 1":   {strings.Replace(object, "0.5", "1.01", 1), "", "0 to 1"},
		"confidence below 0":   {strings.Replace(object, "0.5", "-0.01", 1), "", "0 to 1"},
		"confidence endless":   {strings.Replace(object, "0.5", "1e999", 1), "", "form"},
		"remedy's confidence":  {strings.Replace(object, "null", `{"confidence": 2}`, 1), "", "0 to 1"},
		"parameters as a list": {strings.Replace(object, "null", `{"parameters": ["a"]}`, 1), "", "form"},
	} {
		t.Run(name, func(t *testing.T) {
			found, prose, err := parse(test.text)
			if test.fault == "" {
				if err != nil || prose != test.prose || found.RootCause == nil || *found.Confidence != 0.5 {
					t.Errorf("got %+v, prose %q, error %v, want prose %q", found, prose, err, test.prose)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got error %v, want one with %q", err, test.fault)
			}
		})
	}
}

// FuzzParse checks that what is accepted has a root cause and a confidence, and becomes a response that JSON can hold.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		object, "```json\n" + object + "\n```", "a {\"b\": {" + object + "}", object + object, "{{{{", `{"root_cause_analysis":{`, "\xff{\"root_cause_analysis\"",
		strings.Replace(object, "null", `{"workflow_id": "x", "parameters": {"a": 1e400, "b": [true]}, "confidence": 1}`, 1),
		object[:len(object)-1] + `, "validation_attempts_history": [{}, {"errors": ["x"]}], "alternative_workflows": [{}], "warnings": [""]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, _, err := parse(text)
		if err != nil {
			return
		}
		if confidence := found.confidence(); confidence < 0 || confidence > 1 || found.rootCause().Summary == "" {
			t.Errorf("%q: got %+v", text, found)
		}
		if _, err := json.Marshal([]any{found.rootCause(), found.Alternatives, found.Recovery, found.history(time.Unix(0, 0))}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if found.Selected != nil {
			values, _, _ := fill(nil, found.Selected.Parameters)
			for key, value := range values {
				if !variable.MatchString(key) || strings.ContainsRune(value, 0) {
					t.Errorf("%q: parameter %q=%q", text, key, value)
				}
			}
		}
	})
}
