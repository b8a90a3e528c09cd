package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// FuzzLoad checks that a valid configuration is the same after it was written and read again.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"llm: {model: m, timeout: 5s}", "data_storage: {url: 'https://store:1'}\naudit: {batch_size: 10, buffer_size: 10}", "llm: {endpoint: 'http://u:p@model'}",
		"llm: [", "- a", "null", "llm: {model: m, model: n}", "audit: {flush_interval: 1}", "llm: {secrets_file: /dev/null}", "\xff", "llm: {model: \"\\u0000\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return // no file at all
		}
		found, err := load(t, string(data), nil)
		if err != nil {
			return
		}
		written, err := yaml.Marshal(found)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := load(t, string(written), nil)
		if diff := cmp.Diff(found, again); diff != "" || err != nil {
			t.Errorf("%q: error %v (-first +again):\n%s", data, err, diff)
		}
	})
}
