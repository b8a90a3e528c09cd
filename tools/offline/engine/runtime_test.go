package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStripJSON(t *testing.T) {
	lost := []string{"CAP_SYS_RESOURCE", "CAP_BPF"}
	tests := []struct{ name, in, want string }{
		{
			"container configuration",
			`{"ociVersion":"1.0.2","process":{"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE","CAP_KILL"],"ambient":null},"rlimits":[{"type":"RLIMIT_NOFILE","hard":1048576,"soft":1048576}]},"linux":{"resources":{"memory":{"limit":9223372036854771712}}}}`,
			`{"ociVersion":"1.0.2","process":{"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"],"ambient":null}},"linux":{"resources":{"memory":{"limit":9223372036854771712}}}}`,
		},
		{
			"process description",
			`{"args":["sh"],"capabilities":{"effective":["CAP_BPF"],"permitted":["CAP_BPF","CAP_CHOWN"]},"rlimits":[]}`,
			`{"args":["sh"],"capabilities":{"effective":[],"permitted":["CAP_CHOWN"]}}`,
		},
		{"nothing to take out", `{"process":{"args":["CAP_SYS_RESOURCE"]}}`, `{"process":{"args":["CAP_SYS_RESOURCE"]}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := stripJSON([]byte(tt.in), lost)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compact(t, []byte(tt.want)), compact(t, got)); diff != "" {
				t.Errorf("stripJSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStripKeepsLimitsThatMayBeRaised(t *testing.T) {
	in := `{"process":{"capabilities":{"bounding":["CAP_BPF"]},"rlimits":[{"hard":1}]}}`
	got, err := stripJSON([]byte(in), []string{"CAP_BPF"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"process":{"capabilities":{"bounding":[]},"rlimits":[{"hard":1}]}}`, string(got)); diff != "" {
		t.Errorf("stripJSON (-want +got):\n%s", diff)
	}
}

// compact sorts keys and keeps numbers as they are written.
func compact(t *testing.T, data []byte) string {
	t.Helper()
	out, err := stripJSON(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out) {
		t.Fatalf("not JSON: %s", out)
	}
	return string(out)
}

func TestStripInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := strip(path, nil); err != nil {
		t.Errorf("a missing file must be left to runc, got %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := strip(path, nil); err == nil {
		t.Error("a truncated file gave no error")
	}
}

func TestConfigPaths(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"create", []string{"--root", "/r", "--log-format", "json", "create", "--bundle", "/b", "--pid-file", "/p", "id"}, []string{"/b/config.json"}},
		{"joined", []string{"--root=/r", "create", "--bundle=/b", "id"}, []string{"/b/config.json"}},
		{"run in the working directory", []string{"run", "id"}, []string{"config.json"}},
		{"exec", []string{"exec", "--process", "/tmp/process", "--detach", "id"}, []string{"/tmp/process"}},
		{"exec without a description", []string{"exec", "id", "create"}, nil},
		{"delete of a container called run", []string{"--root", "/r", "delete", "id"}, nil},
		{"version", []string{"--version"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, configPaths(tt.args)); diff != "" {
				t.Errorf("configPaths (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingCapabilities(t *testing.T) {
	tests := []struct {
		name, bound, last string
		want              []string
	}{
		{"all", "000001ffffffffff", "40", nil},
		{"all that an older kernel knows", "0000003fffffffff", "37", nil},
		{"resource limits", "000001fffeffffff", "40", []string{"CAP_SYS_RESOURCE"}},
		{"the first and the last", "000000fffffffffe", "40", []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proc := t.TempDir()
			write(t, filepath.Join(proc, "self/status"), "Name:\tx\nCapBnd:\t"+tt.bound+"\nCapAmb:\t0\n")
			write(t, filepath.Join(proc, "sys/kernel/cap_last_cap"), tt.last+"\n")
			got, err := missingCapabilities(proc)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("missingCapabilities (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
