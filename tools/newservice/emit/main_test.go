package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/newservice/scaffold"
)

// files returns what the service of a name has besides BUILD files.
func files(t *testing.T, name string) map[string]string {
	t.Helper()
	service, err := scaffold.New(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := service.Files()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, file := range all {
		if path.Base(file.Path) != "BUILD.bazel" {
			want[file.Path] = string(file.Data)
		}
	}
	return want
}

func TestRun(t *testing.T) {
	want := files(t, "foo")
	for name, test := range map[string]struct{ leave, add, err string }{
		"all":      {"", "", "<nil>"},
		"one less": {"services/foo/main.go", "", "the service has a file services/foo/main.go, which is no output"},
		"one more": {"", "services/foo/other.go", "the service has no file services/foo/other.go"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{"--name=foo"}
			if test.add != "" {
				args = append(args, "--file="+test.add+"="+filepath.Join(dir, "other"))
			}
			for short := range want {
				if short != test.leave {
					args = append(args, "--file="+short+"="+output(dir, short))
				}
			}
			if diff := cmp.Diff(test.err, fmt.Sprint(run(args))); diff != "" {
				t.Fatalf("error (-want +got):\n%s", diff)
			}
			if test.leave+test.add != "" {
				return
			}
			for short, text := range want {
				data, err := os.ReadFile(output(dir, short))
				if diff := cmp.Diff(text, string(data)); diff != "" || err != nil {
					t.Errorf("%s: %v (-want +got):\n%s", short, err, diff)
				}
			}
		})
	}
}

func output(dir, short string) string {
	return filepath.Join(dir, path.Base(path.Dir(short))+"-"+path.Base(short))
}
