package openai

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// FuzzRequest checks that a request is refused with a reason or answered, the same each time, with what JSON can hold.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"model": "m", "messages": [{"role": "user", "content": "OOMKilled"}], "tools": [{"type": "function"}], "tool_choice": "auto"}`,
		`{"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}, {"role": "tool", "content": null}], "n": 1}`,
		`{"messages": [{"role": "user", "content": "Signal Type: MOCK_LOW_CONFIDENCE\nEnvironment: \u0000"}]}`, `{"messages": [null]}`, `{"messages": [{"role": "user", "content": 5}]}`,
		`{"messages": [], "stream": true, "n": 2}`, `{"MESSAGES": [{"role": "User"}]}`, `[]`, `null`, `{`, `{}{}`, "{\"model\": \"\xff\"}", strings.Repeat("[", 20000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		conversation, err := read(httptest.NewRequest("POST", "/", strings.NewReader(body)))
		if err != nil {
			if err.Error() == "" {
				t.Errorf("%q: refused without a reason", body)
			}
			return
		}
		encode := func() string {
			data, err := json.Marshal(completion(dialog.Model{}.Answer(conversation)))
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			return string(data)
		}
		if diff := cmp.Diff(encode(), encode()); diff != "" {
			t.Errorf("%q: two answers:\n%s", body, diff)
		}
	})
}
