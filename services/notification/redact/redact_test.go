package redact_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/notification/redact"
)

func TestText(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":               {"pod web-1 was OOMKilled", "pod web-1 was OOMKilled"},
		"empty":                 {"", ""},
		"a word alone":          {"the secret was not found, nor the token", "the secret was not found, nor the token"},
		"key=value":             {"login password=hunter2 failed", "login password=[REDACTED] failed"},
		"key: value":            {"token: abc.def\nnext", "token: [REDACTED]\nnext"},
		"spaces":                {"password = x y", "password = [REDACTED] y"},
		"upper case":            {"DB_PASSWORD=x", "DB_PASSWORD=[REDACTED]"},
		"longer key":            {"aws.secret_access.key=x", "aws.secret_access.key=[REDACTED]"},
		"api key, three ways":   {"api_key=1 api-key=2 APIKEY=3", "api_key=[REDACTED] api-key=[REDACTED] APIKEY=[REDACTED]"},
		"flag":                  {"run --token=abc --verbose", "run --token=[REDACTED] --verbose"},
		"comma in the value":    {"password=a,b;c end", "password=[REDACTED] end"},
		"quoted":                {`password="a b" end`, `password="[REDACTED]" end`},
		"single quotes":         {`secret: 'a b' end`, `secret: '[REDACTED]' end`},
		"escaped quote":         {`password="a\"b" end`, `password="[REDACTED]" end`},
		"quote without an end":  {"password=\"a b\nend", "password=\"[REDACTED]\nend"},
		"JSON":                  {`{"password":"x","user":"y"}`, `{"password":"[REDACTED]","user":"y"}`},
		"JSON with spaces":      {`{ "api_key" : "x" }`, `{ "api_key" : "[REDACTED]" }`},
		"JSON number":           {`{"token":123,"user":"y"}`, `{"token":"[REDACTED]","user":"y"}`},
		"JSON list":             {`{"tokens":["a","b"],"x":1}`, `{"tokens":"[REDACTED]","x":1}`},
		"JSON object":           {`{"secret":{"a":"b"},"x":1}`, `{"secret":"[REDACTED]","x":1}`},
		"JSON in JSON":          {`"{\"password\":\"x y\",\"a\":\"b\"}"`, `"{\"password\":\"[REDACTED]\",\"a\":\"b\"}"`},
		"YAML block":            {"secret: |\n  a\n  b\nend: 1", "secret: [REDACTED]\nend: 1"},
		"authorization header":  {"Authorization: Bearer abc\nend", "Authorization: [REDACTED]\nend"},
		"authorization, basic":  {"-H 'Authorization: Basic abc' end", "-H 'Authorization: [REDACTED]' end"},
		"authorization in JSON": {`{"Authorization":"Basic abc","x":1}`, `{"Authorization":"[REDACTED]","x":1}`},
		"bearer":                {"sent Bearer abc.def-1, refused", "sent Bearer [REDACTED], refused"},
		"scheme after a key":    {"token: Bearer abc end", "token: [REDACTED] end"},
		"URL":                   {"https://me:x@example.com/?token=abc", "https://[REDACTED]@example.com/?token=[REDACTED]"},
		"private key":           {"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----[REDACTED]-----END RSA PRIVATE KEY-----"},
		"two on a line":         {"password=a token=b", "password=[REDACTED] token=[REDACTED]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := redact.Text(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if again := redact.Text(got); again != got {
				t.Errorf("a second time: got %q, want no change of %q", again, got)
			}
			if json.Valid([]byte(test.text)) != json.Valid([]byte(got)) {
				t.Errorf("%q was JSON, %q is not", test.text, got)
			}
		})
	}
}

func TestMap(t *testing.T) {
	got := redact.Map(map[string]string{"pod": "web", "db-password": "x", "Authorization": "y", "note": "token=z"})
	want := map[string]string{"pod": "web", "db-password": redact.Mask, "Authorization": redact.Mask, "note": "token=" + redact.Mask}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("map (-want +got):\n%s", diff)
	}
	if redact.Map(nil) != nil {
		t.Error("a nil map: got a map, want nil")
	}
}

// A text of the greatest size that repeats one beginning is still one pass: with one pass for each repetition it takes hours.
func TestTextOfManyBeginnings(t *testing.T) {
	for _, part := range []string{`password="`, `token:["`, `secret={"`, "pwd=\\\"\n", "a://", "-----BEGIN PRIVATE KEY-----"} {
		if got := redact.Text(strings.Repeat(part, (1<<20)/len(part))); got == "" {
			t.Errorf("%s: got nothing", part)
		}
	}
}

// Whatever stands before it, a secret on its own line does not pass, and text stays text.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", `password="`, `{"token":`, "authorization", "Bearer ", `secret: |`, `\"password\":\"`, "https://a:", "-----BEGIN PRIVATE KEY-----",
		`tokens: ["`, `x='`, "pwd=\n", "password:\\",
	} {
		f.Add(seed)
	}
	const canary = "c4n4ry"
	f.Fuzz(func(t *testing.T, before string) {
		if strings.Contains(before, canary) || !utf8.ValidString(before) {
			t.Skip()
		}
		for _, line := range []string{"password=" + canary, "token: " + canary, "Authorization: Bearer " + canary, `"api_key": "` + canary + `"`} {
			got := redact.Text(before + "\n" + line + "\n")
			if strings.Contains(got, canary) || !utf8.ValidString(got) {
				t.Errorf("%q: got %q", before+"\n"+line, got)
			}
		}
	})
}
