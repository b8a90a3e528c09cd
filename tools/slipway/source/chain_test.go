package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// scripted opens what a test says, and counts.
type scripted struct {
	opened atomic.Int64
	open   func() (io.Reader, error)
}

func (s *scripted) Open(context.Context, plan.Blob) (io.ReadCloser, error) {
	s.opened.Add(1)
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

func scriptedReader(parts ...io.Reader) *scripted {
	return &scripted{open: func() (io.Reader, error) { return io.MultiReader(parts...), nil }}
}

func TestChainContinues(t *testing.T) {
	content := layer()
	half := len(content) / 2
	blob := blobOf(content)
	broken := errors.New("cable cut")
	memory := source.Memory{blob.Digest: []byte(content)}
	disk := source.DiskCache(writeCache(t, content))
	upstream := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			t.Error("got a request for all bytes, want one for the rest")
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	for _, tc := range []struct {
		name    string
		sources []source.Blobs
		want    kind
		reports []string
	}{
		{"memory after a cut", []source.Blobs{scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)), memory}, right, []string{"0: cable cut"}},
		{"disk after a cut", []source.Blobs{scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)), disk}, right, []string{"0: cable cut"}},
		{"the rest alone from a remote cache", []source.Blobs{scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)), open(t, source.Cache{Endpoint: upstream})}, right, []string{"0: cable cut"}},
		{"after an early end", []source.Blobs{scriptedReader(strings.NewReader(content[:half])), memory}, right, []string{fmt.Sprintf("0: blob %s is corrupt: %d bytes of %d", blob.Digest, half, len(content))}},
		{"past one without it", []source.Blobs{scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)), source.Memory{}, memory}, right, []string{"0: cable cut"}},
		{"two cuts", []source.Blobs{
			scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)),
			scriptedReader(strings.NewReader(content[:half+1000]), iotest.ErrReader(broken)), memory,
		}, right, []string{"0: cable cut", "1: cable cut"}},
		{"cut before what is there already", []source.Blobs{
			scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)),
			scriptedReader(strings.NewReader(content[:1]), iotest.ErrReader(broken)), memory,
		}, right, []string{"0: cable cut", "1: cable cut"}},
		{"wrong bytes before the cut", []source.Blobs{scriptedReader(strings.NewReader("X"+content[1:half]), iotest.ErrReader(broken)), memory}, corrupt, []string{"0: cable cut"}},
		{"nobody has the rest", []source.Blobs{scriptedReader(strings.NewReader(content[:half]), iotest.ErrReader(broken)), source.Memory{}}, absent, []string{"0: cable cut"}},
		{"too long", []source.Blobs{scriptedReader(strings.NewReader(content + "X")), memory}, corrupt, []string{fmt.Sprintf("0: blob %s is corrupt: more than %d bytes", blob.Digest, len(content))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			chain, reports := chainOf(tc.sources...)
			got, err := read(chain, blob)
			if kindOf(err) != tc.want || tc.want == right && got != content {
				t.Errorf("got %d bytes, %v; want %s", len(got), err, tc.want)
			}
			if tc.want != right && len(got) >= len(content) {
				t.Errorf("got all bytes of a blob that is %s", tc.want)
			}
			if diff := cmp.Diff(tc.reports, *reports); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		})
	}
}

// Who opens a blob again after wrong bytes gets it from the next source.
func TestChainAvoidsWrongBytes(t *testing.T) {
	content := "content"
	bad := scriptedReader()
	bad.open = func() (io.Reader, error) { return strings.NewReader("CONTENT"), nil }
	chain, reports := chainOf(bad, source.Memory{blobOf(content).Digest: []byte(content)})
	_, err := read(chain, blobOf(content))
	if kindOf(err) != corrupt || !source.Repeatable(err) || !strings.HasSuffix(err.Error(), " (0)") {
		t.Errorf("got %v, want a CorruptError of source 0, repeatable", err)
	}
	for range 2 {
		if got, err := read(chain, blobOf(content)); err != nil || got != content {
			t.Errorf("got %q, %v; want %q", got, err, content)
		}
	}
	if got := bad.opened.Load(); got != 1 || len(*reports) != 1 {
		t.Errorf("got %d openings and reports %q, want one of each", got, *reports)
	}
	alone, _ := chainOf(bad)
	alone.Label = func(plan.Blob) (string, bool) { return "//a:image", true }
	for range 2 {
		_, err := read(alone, blobOf(content))
		if kindOf(err) != corrupt || source.Repeatable(err) {
			t.Errorf("got %v, want a CorruptError that is not repeatable", err)
		}
		var wrong *source.CorruptError
		if want := "tools/bazelw clean && tools/bazelw build --noremote_accept_cached //a:image"; errors.As(err, &wrong) && wrong.Command() != want {
			t.Errorf("got the command %q, want %q", wrong.Command(), want)
		}
	}
}

func TestChainLeavesSourcesAlone(t *testing.T) {
	failing := func(err error) func() (io.Reader, error) { return func() (io.Reader, error) { return nil, err } }
	sometimes := &scripted{}
	sometimes.open = func() (io.Reader, error) {
		if sometimes.opened.Load()%3 == 0 {
			return strings.NewReader("x"), nil
		}
		return nil, errors.New("not now")
	}
	for _, tc := range []struct {
		name   string
		source *scripted
		want   int64 // openings for ten blobs
	}{
		{"absent is no failure", &scripted{open: failing(fs.ErrNotExist)}, 10},
		{"an endpoint fails once", &scripted{open: failing(&source.EndpointError{Endpoint: "e", Err: errors.New("no byte for 60s")})}, 1},
		{"another failure thrice", &scripted{open: failing(errors.New("disk error"))}, 3},
		{"a success in between", sometimes, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			chain, reports := chainOf(tc.source, source.Memory{blobOf("x").Digest: []byte("x")})
			for range 10 {
				if got, err := read(chain, blobOf("x")); err != nil || got != "x" {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if got := tc.source.opened.Load(); got != tc.want || len(*reports) > 1 {
				t.Errorf("got %d openings, reports %q; want %d and one at most", got, *reports, tc.want)
			}
		})
	}
}

// The sentence about a missing blob holds the cause, also when the source was left alone long before.
func TestChainRemembersTheCause(t *testing.T) {
	chain, _ := chainOf(&scripted{open: func() (io.Reader, error) {
		return nil, &source.EndpointError{Endpoint: `remote cache "grpc://c"`, Err: errors.New("no byte for 60s")}
	}})
	for range 3 {
		_, err := read(chain, blobOf("x"))
		if !isNotExist(err) || !strings.Contains(err.Error(), `nowhere to be found (using remote cache "grpc://c": no byte for 60s)`) {
			t.Errorf("got %v", err)
		}
	}
}

// Bazel uploads no empty blob, so caches have none.
func TestChainEmptyBlob(t *testing.T) {
	chain, reports := chainOf(open(t, source.Cache{Endpoint: startHTTP(t, http.NotFound)}))
	if got, err := read(chain, blobOf("")); err != nil || got != "" || len(*reports) > 0 {
		t.Errorf("got %q, %v, reports %q", got, err, *reports)
	}
}

func TestChainAtOnce(t *testing.T) {
	content := layer()
	blob := blobOf(content)
	chain, reports := chainOf(scriptedReader(iotest.ErrReader(errors.New("cut"))), source.Memory{blob.Digest: []byte(content)})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := read(chain, blob); err != nil || got != content {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
	if len(*reports) != 1 {
		t.Errorf("got reports %q, want one", *reports)
	}
}

// chainOf names its sources by their position.
func chainOf(sources ...source.Blobs) (*source.Chain, *[]string) {
	reports := &[]string{}
	chain := &source.Chain{Report: func(name string, err error) { *reports = append(*reports, name+": "+err.Error()) }}
	for i, s := range sources {
		chain.Sources = append(chain.Sources, source.Named{Name: fmt.Sprint(i), Blobs: s})
	}
	return chain, reports
}

// writeCache makes a folder as --disk_cache has it.
func writeCache(t *testing.T, contents ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, content := range contents {
		hex := strings.TrimPrefix(blobOf(content).Digest, "sha256:")
		path := filepath.Join(dir, "cas", hex[:2], hex)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDiskCache(t *testing.T) {
	dir := writeCache(t, "here", "short")
	hex := strings.TrimPrefix(blobOf("short").Digest, "sha256:")
	path := filepath.Join(dir, "cas", hex[:2], hex)
	if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, []byte("shor"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dir  string
		blob plan.Blob
		want kind
	}{
		{dir, blobOf("here"), right},
		{dir, blobOf("absent"), absent},
		{filepath.Join(dir, "gone"), blobOf("here"), absent},
		{dir, blobOf("short"), corrupt},
		{dir, plan.Blob{Digest: "sha256:../../x"}, other},
		{dir, plan.Blob{Digest: "sha512:" + hex}, other},
	} {
		if _, err := read(source.DiskCache(tc.dir), tc.blob); kindOf(err) != tc.want {
			t.Errorf("got %v for %s, want %s", err, tc.blob.Digest, tc.want)
		}
	}
}
