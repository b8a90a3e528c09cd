package tools

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// program is a shell script that says who it is and what it got, and exits with 7.
const program = `#!/bin/sh
echo "NAME: $*"
exit 7
`

// compiler stands for `go build -o FILE`: what it writes says what tools/bazelw hands to the tool set.
const compiler = `#!/bin/sh
while [ "$1" != -o ]; do shift; done
cat >"$2" <<'END'
#!/bin/sh
echo "offline: $*"
echo "cache: $KUBERNAUT_CACHE"
cat "$KUBERNAUT_BAZELRC"
exit 7
END
chmod +x "$2"
`

type result struct {
	code           int
	stdout, stderr string
}

// bazelw runs the launcher with the programs on PATH, beside the few that a shell script needs.
func bazelw(t *testing.T, programs map[string]string, env []string, args ...string) result {
	t.Helper()
	bin := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(strings.ReplaceAll(text, "NAME", name)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cat", "chmod", "cut", "date", "df", "dirname", "find", "mkdir", "mv", "rm", "sha256sum", "sort", "xargs"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("bazelw")
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(script, args...)
	cmd.Env = append([]string{"PATH=" + bin}, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestBazelOnPath(t *testing.T) {
	for name, c := range map[string]struct {
		programs map[string]string
		args     []string
		want     result
	}{
		"bazelisk before bazel": {
			map[string]string{"bazelisk": program, "bazel": program},
			[]string{"run", "//x", "--", "a b"},
			result{7, "bazelisk: run //x -- a b\n", ""},
		},
		"bazel": {
			map[string]string{"bazel": program, "go": compiler},
			[]string{"test", "//..."},
			result{7, "bazel: test //...\n", ""},
		},
		"set-up is Bazel's own": {
			map[string]string{"bazelisk": program},
			[]string{"--setup"},
			result{7, "bazelisk: version\n", ""},
		},
		"no engine of ours": {
			map[string]string{"bazelisk": program},
			[]string{"--engine", "stop"},
			result{2, "", "bazelw: error: --engine belongs to the offline tool set; this machine has bazelisk\n" +
				"bazelw: hint: KUBERNAUT_OFFLINE=1 tools/bazelw --engine stop\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := bazelw(t, c.programs, []string{"HOME=" + t.TempDir()}, c.args...)
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(result{})); d != "" {
				t.Errorf("tools/bazelw %q (-want +got):\n%s", c.args, d)
			}
		})
	}
}

// What `bazel run` starts is told when this was called and how much was free then.
func TestBeginning(t *testing.T) {
	const teller = `#!/bin/sh
echo "$KUBERNAUT_STARTED $KUBERNAUT_FREE"
`
	before := time.Now().Unix()
	got := bazelw(t, map[string]string{"bazel": teller}, []string{"HOME=" + t.TempDir()}, "run", "//x")
	var started, free int64
	if _, err := fmt.Sscanf(got.stdout, "%d %d\n", &started, &free); err != nil || started < before || started > time.Now().Unix() || free <= 0 {
		t.Errorf("got %q, %v, want the time and KiB that are free", got.stdout, err)
	}
}

func TestOfflineToolSet(t *testing.T) {
	home := t.TempDir()
	for name, c := range map[string]struct {
		programs map[string]string
		env      []string
		args     []string
		cache    string
		want     string
	}{
		"no Bazel on PATH": {
			map[string]string{"go": compiler}, nil, []string{"run", "//x", "--", "a b"},
			home + "/.cache/kubernaut", "bazel run //x -- a b",
		},
		"asked for": {
			map[string]string{"go": compiler, "bazel": program},
			[]string{"KUBERNAUT_OFFLINE=1"},
			[]string{"build"},
			home + "/.cache/kubernaut", "bazel build",
		},
		"XDG_CACHE_HOME": {
			map[string]string{"go": compiler},
			[]string{"XDG_CACHE_HOME=" + home + "/xdg"},
			[]string{"--setup"},
			home + "/xdg/kubernaut", "setup",
		},
		"KUBERNAUT_CACHE": {
			map[string]string{"go": compiler},
			[]string{"XDG_CACHE_HOME=" + home + "/xdg", "KUBERNAUT_CACHE=" + home + "/k"},
			[]string{"--engine", "stop", "--force"},
			home + "/k", "engine stop --force",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := bazelw(t, c.programs, append(c.env, "HOME="+home), c.args...)
			_, rest, _ := strings.Cut(got.stdout, "import "+c.cache+"/setup/")
			key, _, _ := strings.Cut(rest, "/")
			want := result{7, "offline: " + c.want + "\ncache: " + c.cache + "\nimport " + c.cache + "/setup/" + key + "/offline.bazelrc\n\n", got.stderr}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
				t.Errorf("tools/bazelw %q (-want +got):\n%s%s", c.args, d, got.stderr)
			}
		})
	}
}

func TestNothingToStartWith(t *testing.T) {
	for name, c := range map[string]struct {
		programs map[string]string
		env      []string
		want     string
	}{
		"neither Bazel nor Go": {nil, []string{"HOME=/tmp"}, "running Bazel: neither bazelisk, bazel nor go is on PATH"},
		"no folder":            {map[string]string{"go": compiler}, nil, "finding the cache folder: HOME is not set"},
		"go does not compile": {
			map[string]string{"go": "#!/bin/sh\nexit 1\n"},
			[]string{"KUBERNAUT_CACHE=" + t.TempDir()},
			"compiling tools/offline",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := bazelw(t, c.programs, c.env, "info")
			if got.code != 3 || !strings.Contains(got.stderr, "bazelw: error: "+c.want) {
				t.Errorf("got exit %d, stderr %q, want 3 and %q", got.code, got.stderr, c.want)
			}
		})
	}
}

// reader prints the rc file that it is started with.
const reader = `#!/bin/sh
echo "NAME: ${1%%=*} $2"
cat "${1#*=}"
`

func TestCacheOfTheEnvironment(t *testing.T) {
	const noDisk = "build:ci --disk_cache=\n"
	for endpoint, ok := range map[string]bool{
		"grpc://h:1": true, "grpcs://h": true, "http://u:p@[::1]:8080/a/b": true, "https://h/x?a=b&c=%20": true, "unix:/run/x": true, "h:9092": true,
		"ftp://h": false, "grpc://": false, "unix:": false, "grpc://a b": false, "grpc://h'": false, `grpc://h\`: false, "grpc://h#1": false,
		"grpc://h\ncommon --x": false,
	} {
		home := t.TempDir()
		got := bazelw(t, map[string]string{"bazel": reader}, []string{"HOME=" + home, "BAZEL_REMOTE_CACHE=" + endpoint}, "build")
		want := result{0, "bazel: --bazelrc build\ncommon --remote_cache=" + endpoint + "\n" + noDisk, ""}
		if !ok {
			want = result{2, "", "bazelw: error: BAZEL_REMOTE_CACHE is not the address of a remote cache\n" +
				"bazelw: hint: export BAZEL_REMOTE_CACHE=grpcs://cache.example.com\n"}
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
			t.Errorf("with %q (-want +got):\n%s", endpoint, d)
		}
	}
}

func TestCacheIsOnlyRead(t *testing.T) {
	const line = "common --remote_upload_local_results=false\n"
	for value, want := range map[string]result{
		"1":    {0, "bazel: --bazelrc build\n" + line, ""},
		"true": {0, "bazel: --bazelrc build\n" + line, ""},
		"0":    {7, "bazel: build\n", ""}, // no line, so no file
		"ja": {2, "", "bazelw: error: BAZEL_REMOTE_CACHE_READONLY must be 1 or 0, got \"ja\"\n" +
			"bazelw: hint: export BAZEL_REMOTE_CACHE_READONLY=1\n"},
	} {
		bazel := reader
		if want.code == 7 {
			bazel = program
		}
		got := bazelw(t, map[string]string{"bazel": bazel}, []string{"HOME=" + t.TempDir(), "BAZEL_REMOTE_CACHE_READONLY=" + value}, "build")
		if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
			t.Errorf("with %q (-want +got):\n%s", value, d)
		}
	}
}

// The file may hold a password, and slipway would read the cache of an earlier call.
func TestCacheFile(t *testing.T) {
	home := t.TempDir()
	files := func() []string {
		list, err := filepath.Glob(home + "/.cache/kubernaut/bazelrc/*")
		for err == nil && len(list) == 1 && !strings.HasSuffix(list[0], ".bazelrc") {
			list, err = filepath.Glob(list[0] + "/*")
		}
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	bazelw(t, map[string]string{"bazel": program}, []string{"HOME=" + home, "BAZEL_REMOTE_CACHE=grpc://h"}, "build")
	list := files()
	if len(list) != 1 {
		t.Fatalf("got files %q, want one", list)
	}
	info, err := os.Stat(list[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	bazelw(t, map[string]string{"bazel": program}, []string{"HOME=" + home}, "build")
	if list := files(); len(list) != 0 {
		t.Errorf("without a cache there is still %q", list)
	}
}
