package bazelrc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// The wants are what Bazel 7.7.1 printed for these files:
//
//	bazel run --config=ci --announce_rc //:x
func TestReadAsBazelDoes(t *testing.T) {
	files := Files{Workspace: "testdata/semantics", Home: "testdata/semantics/home"}
	got, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	want := source.Cache{Timeout: 30 * time.Second}
	for _, h := range []string{
		"a=1", "b=2", "q=one two", "d=it's", "e=x yz", "f=a b", `g=a"b`, "h=a'b", `i=\n`, "j=n", "k=${HOME}", "l=cont", "m=next", "n=#5",
		"o=unterminated", "p=6", "early=1", "after=1", "late=1", "crlf=1", "crlf=2", "tab=1", "tab=2", "r=x", "s=x", "ab#c=9",
		"home=1",
		"build=1", "more=1",
		"ci=1", "inner=c", "inner=b", "homeci=1", "run=1",
	} {
		name, value, _ := strings.Cut(h, "=")
		want.Headers = append(want.Headers, source.Header{Name: name, Value: value})
	}
	if d := cmp.Diff(Settings{Remote: want}, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
}

// checkout writes files into a folder, "home/.bazelrc" among them, and returns the folder.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		extra []string
		want  func(dir string) Settings
	}{
		{"nothing", nil, nil, func(string) Settings { return Settings{} }},
		{"flags of another configuration", map[string]string{".bazelrc": "common:release --remote_cache=grpc://h:1\nquery --disk_cache=/d\n"}, nil,
			func(string) Settings { return Settings{} }},
		{"the last one wins, and the special command after the general one", map[string]string{
			".bazelrc": "build --disk_cache=/build\ncommon --disk_cache=/common\ncommon --remote_cache=grpc://a:1 --remote_cache=http://b:2\n",
		}, nil, func(string) Settings {
			return Settings{DiskCache: "/build", Remote: source.Cache{Endpoint: "http://b:2"}}
		}},
		{"ci after the rest", map[string]string{
			".bazelrc":      "common:ci --remote_cache=grpcs://ci\n",
			"home/.bazelrc": "run --remote_cache=grpcs://home --disk_cache=~/cache\n",
			"launch.rc":     "import DIR/offline.rc\ncommon:ci --disk_cache=\n",
			"offline.rc":    "build --disk_cache=/offline\n",
		}, []string{"launch.rc"}, func(string) Settings {
			return Settings{Remote: source.Cache{Endpoint: "grpcs://ci"}}
		}},
		{"everything", map[string]string{
			".bazelrc": `common --remote_cache grpc://h:1 --remote_instance_name=main --remote_timeout=2m --remote_cache_compression
common --tls_certificate=ca.pem --tls_client_certificate=/abs/cert.pem --tls_client_key=key.pem
common --credential_helper=%workspace%/helper.sh --credential_helper=*.example.com=helper
common --remote_header=x=1 --remote_cache_header=y=a=b
common --disk_cache=~/cache
`}, nil, func(dir string) Settings {
			return Settings{DiskCache: filepath.Join(dir, "home/cache"), Remote: source.Cache{
				Endpoint: "grpc://h:1", Instance: "main", Timeout: 2 * time.Minute, Compression: true,
				CA: filepath.Join(dir, "ca.pem"), ClientCertificate: "/abs/cert.pem", ClientKey: filepath.Join(dir, "key.pem"),
				Helpers: []source.Helper{{Path: filepath.Join(dir, "helper.sh")}, {Pattern: "*.example.com", Path: "helper"}},
				Headers: []source.Header{{Name: "x", Value: "1"}, {Name: "y", Value: "a=b"}},
			}}
		}},
		{"switches", map[string]string{".bazelrc": "common --remote_cache_compression=yes --noremote_cache_compression --remote_timeout=1d\n"}, nil,
			func(string) Settings { return Settings{Remote: source.Cache{Timeout: 24 * time.Hour}} }},
		{"an executor is a cache too", map[string]string{".bazelrc": "common --remote_executor=grpcs://h --remote_timeout=1500ms\n"}, nil,
			func(string) Settings {
				return Settings{Remote: source.Cache{Endpoint: "grpcs://h", Timeout: 1500 * time.Millisecond}}
			}},
		{"a folder of the checkout", map[string]string{".bazelrc": "common --disk_cache=../cache\ntry-import %workspace%/absent\n"}, nil,
			func(dir string) Settings { return Settings{DiskCache: filepath.Join(filepath.Dir(dir), "cache")} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := checkout(t, test.files)
			files := Files{Workspace: dir, Home: filepath.Join(dir, "home")}
			for _, e := range test.extra {
				files.Extra = append(files.Extra, filepath.Join(dir, e))
			}
			got, err := Read(files)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want(dir), got); d != "" {
				t.Errorf("settings (-want +got):\n%s", d)
			}
		})
	}
}

func TestReadForATest(t *testing.T) {
	dir := checkout(t, map[string]string{".bazelrc": "run --disk_cache=/run\ntest --remote_cache=grpc://h:1\n"})
	got, err := Read(Files{Workspace: dir, Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Settings{Remote: source.Cache{Endpoint: "grpc://h:1"}}, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"common --x\n\ncommon --remote_timeout=soon\n":                  `.bazelrc:3: --remote_timeout=soon: not a duration such as 60s`,
		"common \\\n --remote_timeout=-1s\n":                            `.bazelrc:1: --remote_timeout=-1s: not a duration such as 60s`,
		"common --remote_header=hunter2\n":                              `.bazelrc:1: a header must be name=value`,
		"common --remote_cache_compression=perhaps\n":                   `.bazelrc:1: --remote_cache_compression=perhaps: not a boolean`,
		"common --credential_helper=*.a=\n":                             `.bazelrc:1: --credential_helper=*.a=: no path`,
		"common --remote_cache\n":                                       `.bazelrc:1: --remote_cache: no value follows`,
		"common --config=a\ncommon:a --config=b\ncommon:b --config a\n": `.bazelrc:3: --config=a leads to itself`,
		"import\n":                      `.bazelrc:1: import takes one file, got 0`,
		"import %workspace%/absent\n":   `absent: no such file or directory`,
		"import %workspace%/.bazelrc\n": `.bazelrc:1: import "%workspace%/.bazelrc": it imports this file in turn`,
	} {
		dir := checkout(t, map[string]string{".bazelrc": text})
		_, err := Read(Files{Workspace: dir})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Read of %q: got error %v, want %s", text, err, want)
		}
	}
	if _, err := Read(Files{Extra: []string{filepath.Join(t.TempDir(), "absent")}}); err == nil {
		t.Error("Read of a file that must be there, and is not: got no error")
	}
}

// FuzzRead holds what is true of every file: reading ends, an error names a place, and a quoted word is read back as it is.
func FuzzRead(f *testing.F) {
	seed, err := os.ReadFile("testdata/semantics/.bazelrc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed), "a b")
	f.Add("common --remote_cache grpc://h:1 --remote_timeout=1d\ncommon:ci --config=ci\n", `'"\`)
	f.Add("import %workspace%/.bazelrc\n", "#")
	f.Add("try-import \\\r\n /dev/null\r\n", "\t")
	f.Add("common --remote_header=a\\", "")
	dir := f.TempDir()
	path := filepath.Join(dir, ".bazelrc")
	f.Fuzz(func(t *testing.T, text, word string) {
		if strings.Contains(text, "import") { // of this machine's other files
			text = strings.ReplaceAll(text, "/", "")
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(Files{Workspace: dir}); err != nil && !strings.Contains(err.Error(), "reading ") {
			t.Errorf("got an error without a place: %v", err)
		}
		if strings.ContainsAny(word, "\n\r") || word == "" {
			return
		}
		line := "common --remote_cache=" + quote(word)
		if d := cmp.Diff([]string{"common", "--remote_cache=" + word}, words(line)); d != "" {
			t.Errorf("words(%q) (-want +got):\n%s", line, d)
		}
	})
}

func quote(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(word) + "'"
}
