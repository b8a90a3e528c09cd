// Package policytest opens a service's delivered policies in tests.
package policytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// Open returns a set in force of the files, some of them replaced by texts: their names and their texts. packages are those of
// policy.Config.
func Open(t testing.TB, files fs.FS, packages []string, replaced map[string]string) *policy.Set {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	for name, text := range replaced {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set := policy.Open(t.Context(), policy.Config{Dir: dir, Packages: packages})
	if err := set.Ready(); err != nil {
		t.Fatal(err)
	}
	return set
}
