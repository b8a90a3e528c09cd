package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommand(t *testing.T) {
	for args, want := range map[string]int{
		"":                                  -1,
		"--batch":                           -1,
		"run //x":                           0,
		"--batch run //x":                   1,
		"--output_base /tmp/o run":          2,
		"--output_base=/tmp/o run":          1,
		"--host_jvm_args -Xmx1g test //...": 2,
		"--max_idle_secs":                   -1,
	} {
		if got := Command(strings.Fields(args)); got != want {
			t.Errorf("Command(%q) = %d, want %d", args, got, want)
		}
	}
}

func TestStartsAndTests(t *testing.T) {
	for args, want := range map[string][2]bool{
		"run //x": {true, false}, "--batch run //x -- --script_path=f": {true, false}, "run --script_path=f //x": {false, false},
		"test //x": {false, true}, "coverage //x": {false, true}, "build //x": {false, false}, "": {false, false}, "build test": {false, false},
	} {
		if got := [2]bool{Starts(strings.Fields(args)), Tests(strings.Fields(args))}; got != want {
			t.Errorf("Starts and Tests of %q = %v, want %v", args, got, want)
		}
	}
}

func TestOutputBase(t *testing.T) {
	// The MD5 of "/src/checkout", as `md5sum` prints it.
	b := Bazel{Cache: "/c", Workspace: "/src/checkout"}
	if got, want := b.OutputBase(), "/c/out/490d14fcd327c4baff2fd2f6ed820a6c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHasScriptPath(t *testing.T) {
	for args, want := range map[string]bool{
		"//x --script_path=f":    true,
		"--script_path f //x":    true,
		"//x -- --script_path=f": false,
		"//x":                    false,
	} {
		if got := hasScriptPath(strings.Fields(args)); got != want {
			t.Errorf("hasScriptPath(%q) = %v, want %v", args, got, want)
		}
	}
}

func TestWait(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143} {
		got, err := wait(exec.Command("/bin/sh", "-c", script))
		if err != nil || got != want {
			t.Errorf("wait(%q) = %d, %v, want %d", script, got, err, want)
		}
	}
}

func TestRCWrite(t *testing.T) {
	dir := t.TempDir()
	rc := RC{Cache: "/c", Registry: "/c/registry", Features: "/c/f", GoProxy: "https://proxy.example,direct", ModCache: "/m", NodeImage: "kubernaut/node:v1@sha256:0", Postgres: "/c/postgres.json"}
	path, err := rc.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Written by tools/offline; the reasons stand in tools/offline/README.md.
common --config=offline
common --registry=file:///c/registry
common --override_module=bazel_features=/c/f
common --experimental_downloader_config=` + filepath.Join(dir, "downloader.cfg") + `
common --repo_env=GOPROXY=file:///m/cache/download,https://proxy.example,direct
build --disk_cache=/c/disk
build --nosandbox_debug
test --test_env=REQUIRE_POSTGRES=1
test --test_env=REQUIRE_CHROMIUM=1
test --test_env=REQUIRE_DOCKER_REGISTRY=1
build --//tools/e2e:node_image_reference=kubernaut/node:v1@sha256:0
common --repo_env=KUBERNAUT_POSTGRES_FILES=/c/postgres.json
build --//tools/e2e/postgres:source=debian
`
	if d := cmp.Diff(want, string(data)); d != "" {
		t.Errorf("bazelrc (-want +got):\n%s", d)
	}
	if _, err := rc.Write(dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("a second Write replaced an equal file (%v)", err)
	}
}

func TestRCRefusesPathsThatABazelrcCannotName(t *testing.T) {
	for _, cache := range []string{"/a b", "/a#b", `/a"b`, `/a\b`} {
		if _, err := (RC{Cache: cache}).Write(t.TempDir()); err == nil {
			t.Errorf("Write with cache %q succeeded", cache)
		}
	}
}
