package runfiles_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/runfiles"
)

func TestPath(t *testing.T) {
	dir := t.TempDir()
	beside := filepath.Join(dir, "push.exe")
	if err := os.Mkdir(beside+".runfiles", 0o755); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "MANIFEST")
	if err := os.WriteFile(manifest, []byte("_main/empty \n_main/a/image /out/dir with space\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, argv0 string
		env         map[string]string
		want        string
	}{
		{"variable", "push", map[string]string{"RUNFILES_DIR": dir}, dir + "/_main/a/image"},
		{"beside the program", beside, nil, beside + ".runfiles/_main/a/image"},
		{"inside another program's", "/x/all.runfiles/_main/push.exe", nil, "/x/all.runfiles/_main/a/image"},
		{"manifest", "push", map[string]string{"RUNFILES_MANIFEST_FILE": manifest}, "/out/dir with space"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, err := runfiles.Open(test.argv0, func(name string) string { return test.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if got := files.Path("_main/a/image"); got != test.want {
				t.Errorf("Path() = %q, want %q", got, test.want)
			}
			if got := files.Path(""); got != "" {
				t.Errorf("Path of nothing = %q", got)
			}
		})
	}
	if _, err := runfiles.Open("push", func(string) string { return "" }); err == nil {
		t.Error("Open() without runfiles: want an error")
	}
}
