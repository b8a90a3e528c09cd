package policy_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// colour and size are two packages of which each answers one question.
const (
	colour = `package paint.colour

default name := "grey"

name := "red" if input.hot
`
	size = `package paint.size

big if input.metres > 10
`
)

type length struct {
	Metres int `json:"metres"`
}

var packages = []string{"paint.colour", "paint.size"}

func TestEval(t *testing.T) {
	set := open(t, files{"colour.rego": colour, "size.rego": size})
	for name, test := range map[string]struct {
		policy string
		input  any
		want   policy.Result
	}{
		"rule holds":             {"paint.colour", map[string]any{"hot": true}, policy.Result{"name": "red"}},
		"default":                {"paint.colour", map[string]any{}, policy.Result{"name": "grey"}},
		"no input":               {"paint.colour", nil, policy.Result{"name": "grey"}},
		"struct as input":        {"paint.size", length{11}, policy.Result{"big": true}},
		"undefined rule is left": {"paint.size", map[string]any{"metres": 1}, policy.Result{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, hash, err := set.Eval(t.Context(), test.policy, test.input)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if hash != set.Hash() || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(hash) {
				t.Errorf("hash: got %q, want 64 hex digits as of Hash, %q", hash, set.Hash())
			}
		})
	}
}

func TestEvalFails(t *testing.T) {
	const torn = "package paint.colour\n\nname := \"red\" if input.hot\n\nname := \"blue\" if input.cold\n"
	set := open(t, files{"colour.rego": torn, "size.rego": size})
	for name, test := range map[string]struct {
		policy string
		input  any
		want   string
	}{
		"two answers":     {"paint.colour", map[string]any{"hot": true, "cold": true}, "conflict"},
		"unknown package": {"paint.shape", nil, "not among the configured packages"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := set.Eval(t.Context(), test.policy, test.input)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.policy) {
				t.Errorf("got %v and error %v, want an error that names %q and says %q", got, err, test.policy, test.want)
			}
		})
	}
}

// Each folder is one that a set must not take over: neither at the start, where the set is not ready, nor later, where the
// last good one stays in force.
func TestUnusableFolder(t *testing.T) {
	for name, test := range map[string]struct {
		change files // "" removes the file
		want   string
	}{
		"empty folder":       {files{"colour.rego": "", "size.rego": ""}, "no *.rego file"},
		"syntax error":       {files{"colour.rego": "package paint.colour\n\nname := {\n"}, "colour.rego:4"},
		"old language":       {files{"colour.rego": "package paint.colour\n\nname = \"red\" { input.hot }\n"}, "`if` keyword is required"},
		"missing package":    {files{"size.rego": ""}, `no file has the package "paint.size"`},
		"other package":      {files{"size.rego": "package paint.sizes\n\nbig := true\n"}, `no file has the package "paint.size"`},
		"unknown function":   {files{"colour.rego": "package paint.colour\n\nname := dye(input)\n"}, "undefined function dye"},
		"unsafe variable":    {files{"colour.rego": "package paint.colour\n\nname := x if y\n"}, "unsafe"},
		"call of a server":   {files{"colour.rego": "package paint.colour\n\nname := http.send({\"method\": \"get\", \"url\": input.url}).body\n"}, "undefined function http.send"},
		"question to DNS":    {files{"colour.rego": "package paint.colour\n\nname := net.lookup_ip_addr(input.host)\n"}, "undefined function net.lookup_ip_addr"},
		"look at the secret": {files{"colour.rego": "package paint.colour\n\nname := opa.runtime().env.TOKEN\n"}, "undefined function opa.runtime"},
	} {
		t.Run(name, func(t *testing.T) {
			good := files{"colour.rego": colour, "size.rego": size}
			bad := good.with(test.change)

			fresh := open(t, bad)
			if err := fresh.Ready(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("at the start: got %v, want it not ready because of %q", err, test.want)
			}
			if _, _, err := fresh.Eval(t.Context(), "paint.colour", nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("evaluating without a good set: got error %v, want %q", err, test.want)
			}
			if fresh.Hash() != "" {
				t.Errorf("hash without a good set: got %q, want none", fresh.Hash())
			}

			dir := t.TempDir()
			good.write(t, dir)
			set, changes := watch(t, dir)
			before := set.Hash()
			test.change.write(t, dir)
			await(t, changes, test.want)
			if err := set.Ready(); err != nil || set.Hash() != before {
				t.Errorf("after the change: got hash %q and error %v, want the last good set, %q", set.Hash(), err, before)
			}
			wantColour(t, set, "red")

			good.write(t, dir)
			await(t, changes, "")
			if set.Hash() != before {
				t.Errorf("after the repair: got hash %q, want %q", set.Hash(), before)
			}
		})
	}
}

func TestChangeIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	files{"colour.rego": colour, "size.rego": size}.write(t, dir)
	set, changes := watch(t, dir)
	before := set.Hash()
	files{"colour.rego": strings.ReplaceAll(colour, "red", "blue")}.write(t, dir)
	await(t, changes, "")
	wantColour(t, set, "blue")
	if set.Hash() == before {
		t.Error("the hash is that of the old policies")
	}
}

// A kubelet writes a new version beside the old one, swaps the link ..data, removes the old version, and then mends the
// links of files that came or went: until then the file tint.rego of the new version has none, and colour.rego's leads nowhere.
func TestMountedConfigMapIsSwapped(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..v1", files{"colour.rego": colour, "size.rego": size})
	for _, name := range []string{"colour.rego", "size.rego"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	set, changes := watch(t, dir)
	wantColour(t, set, "red")
	before := set.Hash()
	mount(t, dir, "..v2", files{"tint.rego": strings.ReplaceAll(colour, "red", "blue"), "size.rego": size})
	if err := os.RemoveAll(filepath.Join(dir, "..v1")); err != nil {
		t.Fatal(err)
	}
	await(t, changes, "")
	wantColour(t, set, "blue")
	if set.Hash() == before {
		t.Error("the hash is that of the old policies")
	}
}

func TestHashTellsContentsAndNamesApart(t *testing.T) {
	seen := map[string]string{}
	for name, content := range map[string]files{
		"first":        {"colour.rego": colour, "size.rego": size},
		"other text":   {"colour.rego": colour + "\n", "size.rego": size},
		"other name":   {"paint.rego": colour, "size.rego": size},
		"another file": {"colour.rego": colour, "size.rego": size, "more.rego": "package paint.more\n"},
	} {
		hash := open(t, content).Hash()
		if other, found := seen[hash]; found || hash == "" {
			t.Errorf("%s: got hash %q, want another than %q has", name, hash, other)
		}
		seen[hash] = name
	}
	again := files{"colour.rego": colour, "size.rego": size, "notes.txt": "not a policy"}
	if hash := open(t, again).Hash(); seen[hash] != "first" {
		t.Errorf("the same policies beside another file: got hash %q of %q, want that of the first", hash, seen[hash])
	}
}

func TestMissingFolderIsNotReady(t *testing.T) {
	set := policy.Open(t.Context(), policy.Config{Dir: filepath.Join(t.TempDir(), "absent"), Packages: packages})
	if err := set.Ready(); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("got %v, want an error that names the folder", err)
	}
}

// files are texts by file name.
type files map[string]string

func (f files) with(change files) files {
	all := files{}
	for _, source := range []files{f, change} {
		for name, text := range source {
			all[name] = text
		}
	}
	return all
}

// write replaces files as an editor does, by a rename, so that none is ever seen half written.
func (f files) write(t *testing.T, dir string) {
	t.Helper()
	staged := t.TempDir()
	for name, text := range f {
		var err error
		if text == "" {
			err = os.RemoveAll(filepath.Join(dir, name))
		} else if err = os.WriteFile(filepath.Join(staged, name), []byte(text), 0o644); err == nil {
			err = os.Rename(filepath.Join(staged, name), filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// mount makes version the one that ..data leads to.
func mount(t *testing.T, dir, version string, content files) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
		t.Fatal(err)
	}
	content.write(t, filepath.Join(dir, version))
	if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, content files) *policy.Set {
	t.Helper()
	dir := t.TempDir()
	content.write(t, dir)
	return policy.Open(t.Context(), policy.Config{Dir: dir, Packages: packages})
}

// watch follows a folder until the test ends and returns what Changed is called with.
func watch(t *testing.T, dir string) (*policy.Set, <-chan error) {
	t.Helper()
	changes := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	set := policy.Open(ctx, policy.Config{Dir: dir, Packages: packages, Interval: time.Millisecond, Changed: func(err error) {
		select {
		case changes <- err:
		case <-ctx.Done():
		}
	}})
	if err := set.Ready(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- set.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watching: %v", err)
		}
	})
	return set, changes
}

// await waits for a report that has the text; none means a report of success. Files change one by one, so that other
// reports may come first.
func await(t *testing.T, changes <-chan error, text string) {
	t.Helper()
	late := time.After(time.Minute)
	var last error
	for {
		select {
		case last = <-changes:
			if (text == "" && last == nil) || (text != "" && last != nil && strings.Contains(last.Error(), text)) {
				return
			}
		case <-late:
			t.Fatalf("no report %q, at last %v", text, last)
		}
	}
}

func wantColour(t *testing.T, set *policy.Set, want string) {
	t.Helper()
	got, _, err := set.Eval(t.Context(), "paint.colour", map[string]any{"hot": true})
	if err != nil {
		t.Fatal(err)
	}
	if got["name"] != want {
		t.Errorf("colour: got %v, want %s", got["name"], want)
	}
}
