package ordered_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

func TestMarshalWritesWhatJQWrites(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"order of keys", `{"b":1,"a":2}`, "{\n  \"b\": 1,\n  \"a\": 2\n}"},
		{"repeated key keeps its place", `{"b":1,"a":2,"b":3}`, "{\n  \"b\": 3,\n  \"a\": 2\n}"},
		{"empty", `{"o":{},"l":[]}`, "{\n  \"o\": {},\n  \"l\": []\n}"},
		{"nested", `[[1],{"k":[true,null]}]`, "[\n  [\n    1\n  ],\n  {\n    \"k\": [\n      true,\n      null\n    ]\n  }\n]"},
		{"escapes", `"\u0001\b\t\n\f\r\"\\\/\u007f<>&é\u2028😀"`, `"\u0001\b\t\n\f\r\"\\/\u007f<>&é` + "\u2028" + `😀"`},
		{"large number", `30000000000000000001`, `30000000000000000001`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := ordered.Parse([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(ordered.Marshal(v))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMarshalMalformedUTF8(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a\xff\xfeb", `"a��b"`},
		{"\xe2\x82", `"�"`},
		{"\xe2\x82z", `"�z"`},
		{"\xed\xa0\x80é", `"�é"`},
		{"�", `"�"`},
	}
	for _, test := range tests {
		if got := string(ordered.Marshal(test.in)); got != test.want {
			t.Errorf("Marshal(%q) = %s, want %s", test.in, got, test.want)
		}
	}
}

func TestPairs(t *testing.T) {
	const want = `{"b":"1=2","":"x","flag":"","a":"\r"}`
	got := ordered.Pairs("b=0\n\n=x\nflag\na=\r\nb=1=2")
	if diff := cmp.Diff(string(ordered.Marshal(parse(t, want))), string(ordered.Marshal(got))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMerge(t *testing.T) {
	tests := []struct{ name, base, over, want string }{
		{"objects merge, lists are replaced", `{"c":{"a":1,"l":[1]},"z":0}`, `{"c":{"l":[2],"n":3}}`, `{"c":{"a":1,"l":[2],"n":3},"z":0}`},
		{"null replaces", `{"a":{"b":1}}`, `{"a":null}`, `{"a":null}`},
		{"object replaces null", `{"a":null,"z":0}`, `{"a":{"b":1}}`, `{"a":{"b":1},"z":0}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base, over, want := parse(t, test.base), parse(t, test.over), parse(t, test.want)
			base.Merge(over)
			if diff := cmp.Diff(string(ordered.Marshal(want)), string(ordered.Marshal(base))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDeletedKeyComesBackAtTheEnd(t *testing.T) {
	o := parse(t, `{"a":1,"b":2}`)
	o.Delete("a")
	o.Delete("missing")
	o.Set("a", "x")
	if diff := cmp.Diff([]string{"b", "a"}, o.Keys()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{``, `{`, `{"a":1`, `[1,`, `{} {}`, `{"a" 1}`} {
		if v, err := ordered.Parse([]byte(text)); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, v)
		}
	}
	if _, err := ordered.ParseObject([]byte(`[]`)); err == nil {
		t.Error("ParseObject of an array: want an error")
	}
}

func parse(t *testing.T, text string) *ordered.Object {
	t.Helper()
	o, err := ordered.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}
