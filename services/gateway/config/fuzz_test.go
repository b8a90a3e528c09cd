package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// FuzzParse checks that a valid configuration is the same after it was written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "server: {listenAddr: ':9999', readTimeout: 5s}", "datastorage: {url: 'https://store:1'}\nprocessing: {namespace: other, deduplication: {tries: 3}}",
		"server: {maxBodyBytes: 1e3}", "server: [", "- a", "null", "server: {listenAddr: ':1', listenAddr: ':2'}", "server: &a {readTimeout: -1s}\ndatastorage: *a",
		"datastorage: {url: 'http://u:p@store'}", "\xff", "processing: {namespace: \"\\u0000\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Parse(data)
		if err != nil {
			return
		}
		written, err := yaml.Marshal(found)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := Parse(written)
		if diff := cmp.Diff(found, again); diff != "" || err != nil {
			t.Errorf("%q: error %v (-first +again):\n%s", data, err, diff)
		}
	})
}
