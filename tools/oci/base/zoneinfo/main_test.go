package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func archive(t *testing.T, names ...string) string {
	t.Helper()
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return data.String()
}

func TestRun(t *testing.T) {
	berlin := archive(t, "Europe/Berlin")
	for _, tc := range []struct{ name, source, want, err string }{
		{name: "archive", source: fmt.Sprintf("package tzdata\nconst a, zipdata = \"short\", %q\n", berlin), want: berlin},
		{name: "no Go", source: "zip", err: "expected 'package'"},
		{name: "no string", source: "package tzdata\n", err: "not a valid zip file"},
		{name: "no archive", source: "package tzdata\nconst zipdata = \"PK\"\n", err: "not a valid zip file"},
		{name: "empty archive", source: fmt.Sprintf("package tzdata\nconst zipdata = %q\n", archive(t)), err: "the archive is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source, output := filepath.Join(t.TempDir(), "zzipdata.go"), filepath.Join(t.TempDir(), "zoneinfo.zip")
			if err := os.WriteFile(source, []byte(tc.source), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := run(source, output); err != nil || tc.err != "" {
				if err == nil || tc.err == "" || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error: got %v, want it to contain %q", err, tc.err)
				}
				return
			}
			got, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("archive (-want +got):\n%s", diff)
			}
		})
	}
}
