package snapshot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
)

func state(ground string, tests map[string]snapshot.Test) snapshot.Snapshot {
	return snapshot.Snapshot{Version: snapshot.Version, Ground: map[string]string{".bazelrc": ground}, Tests: tests}
}

func TestSince(t *testing.T) {
	base := state("a", map[string]snapshot.Test{"//:same": {Digest: "1"}, "//:other": {Digest: "2"}, "//:gone": {Digest: "3"}, "//:doubt": {Digest: "4"}})
	now := map[string]snapshot.Test{"//:same": {Digest: "1"}, "//:other": {Digest: "2x"}, "//:new": {Digest: "5"}, "//:doubt": {Digest: "4", Doubt: "why"}}
	got := state("a", now).Since(base)
	want := map[string]string{"//:other": "inputs changed", "//:new": "new", "//:doubt": "why"}
	if diff := cmp.Diff(want, got.Affected); diff != "" || got.All != "" {
		t.Errorf("affected (-want +got):\n%s\nall: %q", diff, got.All)
	}
	for name, ground := range map[string]map[string]string{
		"changed": {".bazelrc": "b"}, "deleted": {}, "added": {".bazelrc": "a", ".bazelversion": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			other := state("", now)
			other.Ground = ground
			got := other.Since(base)
			if len(got.Affected) != len(now) || got.All == "" {
				t.Errorf("got %v, reason %q; want all", got.Affected, got.All)
			}
		})
	}
}

func TestStore(t *testing.T) {
	s := snapshot.Store{Dir: filepath.Join(t.TempDir(), "a", "b")}
	taken := state("a", map[string]snapshot.Test{"//:t": {Class: "go_test", Digest: "1", Doubt: "why"}})
	if _, known := s.Load("k"); known {
		t.Error("an empty store knows a key")
	}
	if err := s.Save("k", taken); err != nil {
		t.Fatal(err)
	}
	got, known := s.Load("k")
	if diff := cmp.Diff(taken, got); diff != "" || !known {
		t.Errorf("known: %t; snapshot (-want +got):\n%s", known, diff)
	}
	taken.Version++
	if err := s.Save("later", taken); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "cut.json"), []byte(`{"version":1,`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"later", "cut", "../b"} {
		if _, known := s.Load(key); known {
			t.Errorf("%s is known", key)
		}
	}
	files, err := os.ReadDir(s.Dir)
	if len(files) != 3 || err != nil {
		t.Errorf("got files %v, %v", files, err)
	}
}
