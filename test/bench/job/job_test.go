package job

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// launcher takes 3 MB in the output base for the push, and 1 MB for the suites, and 30 MB more until they have run.
const launcher = `#!/bin/sh
set -eu
base=${1#--output_base=}
mkdir -p "$base/external/m" "$base/execroot/_main/bazel-out/bin"
out=$base/execroot/_main/bazel-out/bin
case "$*" in
*"//services:push"*"--dry-run"*) head -c 3000000 /dev/urandom >"$base/external/m/push" ;;
*"//services:push"*) ;;
*"//test/e2e:all"*"--dry-run"*) head -c 1000000 /dev/urandom >"$out/test" ;;
*"//test/e2e:all"*)
	head -c 30000000 /dev/zero >"$out/peak"
	sleep 1
	rm "$out/peak"
	for a; do case $a in --report=*) cat report.json >"${a#--report=}" ;; esac; done ;;
shutdown|*" shutdown") ;;
*) echo "what is $*?" >&2; exit 1 ;;
esac
`

const reported = `{"disk": {"folders": [
	{"name": "output base", "start": {"bytes": 1}, "peak": {"bytes": 900}},
	{"name": "engine storage", "start": {"bytes": 100}, "peak": {"bytes": 1100}},
	{"name": "content of a", "start": {"bytes": 10}, "peak": {"bytes": 20}},
	{"name": "snapshots of a", "start": {"bytes": 10}, "peak": {"bytes": 210}},
	{"name": "content of b", "reason": "gone"}]}}`

func workspace(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// run runs a job on a disk that nobody else writes to.
func run(t *testing.T, launcher, kind string) (measure.Result, error) {
	t.Helper()
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", workspace(t, map[string]string{"tools/bazelw": launcher, "report.json": reported}))
	dir := t.TempDir()
	statfs := func(string) (disk.Space, error) {
		taken, err := disk.Size(t.Context(), dir)
		return disk.Space{Device: 1, Total: 1 << 40, Free: 1<<40 - taken}, err
	}
	return measure.Run(t.Context(), suite(kind, statfs), &measure.Host{Dir: dir, State: t.TempDir(), Log: t.Logf}, 1)
}

func TestJob(t *testing.T) {
	result, err := run(t, launcher, cached)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]map[string]int64{}
	var order []string
	for _, s := range result.Samples {
		counts[s.Case] = s.Counts
		order = append(order, s.Case)
	}
	if diff := cmp.Diff(phases(), order); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		phase, column string
		want          int64
	}{
		{pushBuild, external.Name, 3_000_000}, {pushBuild, outputs.Name, 0}, {suitesBuild, outputs.Name, 1_000_000}, {suites, outputs.Name, 1_000_000},
		{suites, inStorage.Name, 1000}, {suites, inNodes.Name, 210}, {whole, external.Name, 3_000_000}, {whole, onHost.Name, 0},
	} {
		if got := counts[c.phase][c.column]; got != c.want {
			t.Errorf("%s, %s: got %d, want %d", c.phase, c.column, got, c.want)
		}
	}
	if rise := counts[suites][most.Name] - counts[suites][end.Name]; rise < 29_500_000 || rise > 30_500_000 {
		t.Errorf("the peak while the suites ran is %d bytes above the end, want 30 MB", rise)
	}
}

func TestJobFails(t *testing.T) {
	_, err := run(t, "#!/bin/sh\nexit 3\n", cached)
	if err == nil || !strings.Contains(err.Error(), "job.log") || !strings.Contains(err.Error(), "//services:push") {
		t.Errorf("got %v, want an error that names the target and the log", err)
	}
}

// A cold job's checkout names a disk cache of its own.
func TestColdHasItsOwnCache(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "rc")
	script := strings.Replace(launcher, "set -eu\n", "set -eu\ncat user.bazelrc >>"+seen+"\n", 1)
	if _, err := run(t, script, cold); err != nil {
		t.Fatal(err)
	}
	rc, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(rc), "build:ci --disk_cache=") {
		t.Errorf("user.bazelrc: %v, %q", err, rc)
	}
}

// program stands for a bundle's: it takes 1 MB, reports, and shows its arguments.
const program = `#!/bin/sh
set -eu
echo "$@" >arguments
head -c 1000000 /dev/urandom >output
for a; do case $a in --report=*) cat "$(dirname "$0")/report.json" >"${a#--report=}" ;; esac; done
`

func TestBundle(t *testing.T) {
	files := workspace(t, map[string]string{"all.bundle/run": program, "all.bundle/report.json": reported, ".bazelrc": "build --disk_cache=/the/cache\n"})
	packed := filepath.Join(t.TempDir(), "all.bundle.tar.gz")
	if out, err := exec.CommandContext(t.Context(), "tar", "-czf", packed, "-C", files, "all.bundle").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", files)
	t.Setenv("KUBERNAUT_BAZELRC", "")
	t.Setenv("HOME", t.TempDir())
	host := &measure.Host{Dir: t.TempDir(), State: t.TempDir(), Log: t.Logf, File: func(string) (string, error) { return packed, nil }}
	result, err := measure.Run(t.Context(), Bundle(), host, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Bundle().Cases, cases(result)); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if got := result.Samples[1].Counts[inNodes.Name]; got != 210 {
		t.Errorf("images in the nodes: got %d, want 210", got)
	}
	arguments, err := os.ReadFile(filepath.Join(host.Dir, "arguments"))
	if err != nil || !strings.Contains(string(arguments), "--disk-cache=/the/cache --fresh --keep=false") {
		t.Errorf("got arguments %q, %v", arguments, err)
	}
	if _, err := os.Stat(filepath.Join(host.Dir, "all.bundle.tar.gz")); err == nil {
		t.Error("the archive is still there")
	}
}

func cases(result measure.Result) []string {
	var names []string
	for _, s := range result.Samples {
		names = append(names, s.Case)
	}
	return names
}
