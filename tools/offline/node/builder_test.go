package node

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// sources makes a folder of inputs and returns a builder on it.
func sources(t *testing.T) *Builder {
	t.Helper()
	b := &Builder{Dir: t.TempDir(), Sources: t.TempDir()}
	write(t, filepath.Join(b.Sources, "versions.go"), "package node")
	write(t, filepath.Join(b.Sources, "files/kind/bin/node-network"), "#!/bin/sh")
	return b
}

func TestKey(t *testing.T) {
	tests := []struct {
		name    string
		edit    func(t *testing.T, dir string)
		changes bool
	}{
		{"nothing", func(*testing.T, string) {}, false},
		{"a test", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "x_test.go"), "package node") }, false},
		{"Bazel's file", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "BUILD.bazel"), "") }, false},
		{"the archive's life", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "builder.go"), "package node") }, false},
		{"recipe", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "versions.go"), "package node\n") }, true},
		{"a new file", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "files/etc/x"), "") }, true},
		{"a new name", func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, "versions.go"), filepath.Join(dir, "version.go")); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"content moves to the next file", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "files/kind/bin/node-network"), "#!/bin/shpackage")
			write(t, filepath.Join(dir, "versions.go"), " node")
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := sources(t)
			before, err := b.key()
			if err != nil {
				t.Fatal(err)
			}
			tt.edit(t, b.Sources)
			after, err := b.key()
			if err != nil {
				t.Fatal(err)
			}
			if (before != after) != tt.changes || len(after) != 12 {
				t.Errorf("key %q, then %q; must change: %v", before, after, tt.changes)
			}
		})
	}
	if _, err := (&Builder{Sources: "/nonexistent"}).key(); err == nil {
		t.Error("missing sources gave no error")
	}
}

// fakeDocker has the image that the file "image" names, and gets it by `load`.
func fakeDocker(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "docker"), `#!/bin/sh
here=`+dir+`
echo "$*" >>$here/calls
case "$1 $2" in
"image inspect") [ -e $here/image ] && cat $here/image ;;
"load --quiet") cat >/dev/null; echo sha256:made >$here/image ;;
"image ls") printf '%s\n' kubernaut/node:old ;;
esac
`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

func calls(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func TestEnsureLoadsTheArchive(t *testing.T) {
	docker := fakeDocker(t)
	b := sources(t)
	key, err := b.key()
	if err != nil {
		t.Fatal(err)
	}
	write(t, b.archive(key), "archive")
	stale := b.archive("000000000000")
	write(t, stale, "archive of another recipe")
	write(t, filepath.Join(b.work("000000000000"), "root/x"), "")

	reference, digest, err := b.Ensure(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want := "kubernaut/node:" + kubernetesVersion + "-" + key; reference != want || digest != "sha256:made" {
		t.Errorf("Ensure = %q, %q, want %q, sha256:made", reference, digest, want)
	}
	if exists(stale) || exists(b.work("000000000000")) {
		t.Error("results of another recipe are still there")
	}
	if got := calls(t, docker); got[len(got)-1] != "image rm kubernaut/node:old" {
		t.Errorf("last call is %q, want the removal of the former image", got[len(got)-1])
	}
	var recorded map[string]string
	data, err := os.ReadFile(filepath.Join(b.Dir, "current.json"))
	if err := errors.Join(err, json.Unmarshal(data, &recorded)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"reference": reference, "digest": digest}, recorded); diff != "" {
		t.Errorf("current.json (-want +got):\n%s", diff)
	}

	before := len(calls(t, docker))
	if _, _, err := b.Ensure(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := []string{"image inspect --format {{.Id}} " + reference}
	if diff := cmp.Diff(want, calls(t, docker)[before:]); diff != "" {
		t.Errorf("calls of a warm Ensure (-want +got):\n%s", diff)
	}
}

func TestEnsureTakesTheEnginesImage(t *testing.T) {
	docker := fakeDocker(t)
	write(t, filepath.Join(docker, "image"), "sha256:theirs\n")
	b := sources(t)
	_, digest, err := b.Ensure(context.Background())
	if err != nil || digest != "sha256:theirs" {
		t.Errorf("Ensure = %q, %v, want the image that is loaded", digest, err)
	}
	if err := b.Prepare(context.Background()); err != nil {
		t.Errorf("Prepare with the image loaded: %v", err)
	}
}

func TestAdaptContainerd(t *testing.T) {
	got, err := adaptContainerd("version = 2\n  restrict_oom_score_adj = false\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"restrict_oom_score_adj = true", `config_path = "/etc/containerd/certs.d"`} {
		if !strings.Contains(got, want) {
			t.Errorf("configuration lacks %q:\n%s", want, got)
		}
	}
	if _, err := adaptContainerd("version = 3\n"); err == nil {
		t.Error("a configuration of another form gave no error")
	}
}

func TestAdaptSpec(t *testing.T) {
	got, err := adaptSpec([]byte(`{"process":{"args":["sh"],"rlimits":[{"hard":1024}]},"linux":{"devices":9007199254740993}}`))
	if err != nil {
		t.Fatal(err)
	}
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(got, &spec); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "rlimits") || !strings.Contains(string(got), "9007199254740993") {
		t.Errorf("limits must go and numbers stay exact:\n%s", got)
	}
	if !strings.Contains(string(spec["hooks"]), "/kind/bin/mount-product-files.sh") {
		t.Errorf("hook is missing:\n%s", got)
	}
	if _, err := adaptSpec([]byte(`{}`)); err == nil {
		t.Error("a configuration without a process gave no error")
	}
}

func TestOverlayModes(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	write(t, filepath.Join(source, "kind/bin/x"), "new")
	write(t, filepath.Join(source, "etc/x.conf"), "")
	write(t, filepath.Join(target, "kind/bin/x"), "old")
	if err := overlay(source, target); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"kind/bin/x": 0o755, "etc/x.conf": 0o644} {
		info, err := os.Stat(filepath.Join(target, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	if data, err := os.ReadFile(filepath.Join(target, "kind/bin/x")); err != nil || string(data) != "new" {
		t.Errorf("kind/bin/x = %q (%v), want the new content", data, err)
	}
}

func TestParallelStopsTheOthers(t *testing.T) {
	cause := errors.New("cause")
	err := parallel(context.Background(),
		func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		func(context.Context) error { return cause },
	)
	if !errors.Is(err, cause) {
		t.Errorf("parallel = %v, want the first error", err)
	}
}
