package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func blobOf(data string) plan.Blob {
	return plan.Blob{MediaType: "x/y", Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(data))), Size: int64(len(data))}
}

func TestVerify(t *testing.T) {
	good := strings.Repeat("layer", 1000)
	for _, tc := range []struct {
		name    string
		blob    plan.Blob
		content string
		want    string
	}{
		{"right", blobOf(good), good, ""},
		{"empty", blobOf(""), "", ""},
		{"truncated", blobOf(good), good[:4999], "4999 bytes of 5000"},
		{"nothing there", blobOf(good), "", "0 bytes of 5000"},
		{"too long", blobOf(good), good + "x", "more than 5000 bytes"},
		{"should be empty", blobOf(""), "x", "more than 0 bytes"},
		{"corrupted", blobOf(good), "L" + good[1:], "its bytes have the digest sha256:"},
	} {
		for chunking, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "data with EOF": iotest.DataErrReader,
		} {
			t.Run(tc.name+"/"+chunking, func(t *testing.T) {
				r := source.Verify(io.NopCloser(wrap(strings.NewReader(tc.content))), tc.blob)
				got, err := io.ReadAll(r)
				if tc.want == "" {
					if err != nil || string(got) != tc.content {
						t.Errorf("got %d bytes, %v; want %d", len(got), err, len(tc.content))
					}
					return
				}
				var corrupt *source.CorruptError
				if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Problem, tc.want) {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				if tc.blob.Size > 0 && int64(len(got)) >= tc.blob.Size {
					t.Errorf("got all %d bytes of a bad blob", len(got))
				}
				if _, again := r.Read(make([]byte, 1)); again == nil || again == io.EOF {
					t.Errorf("got %v from another read, want the same error", again)
				}
			})
		}
	}
}

func TestVerifyPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("cable cut")
	_, err := io.ReadAll(source.Verify(io.NopCloser(iotest.ErrReader(broken)), blobOf("x")))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestLayout(t *testing.T) {
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(b plan.Blob) string { return filepath.Join(blobs, strings.TrimPrefix(b.Digest, "sha256:")) }
	file, link, short, swapped, folder, dangling := blobOf("file"), blobOf("link"), blobOf("short"), blobOf("swapped"), blobOf("folder"), blobOf("dangling")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for path, data := range map[string]string{at(file): "file", elsewhere: "link", at(short): "shor", at(swapped): "SWAPPED"} {
		if err := os.WriteFile(path, []byte(data), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{os.Symlink(elsewhere, at(link)), os.Symlink(elsewhere+"-gone", at(dangling)), os.Mkdir(at(folder), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var corrupt *source.CorruptError
	for _, tc := range []struct {
		name string
		blob plan.Blob
		want string
		err  func(error) bool
	}{
		{name: "file", blob: file, want: "file"},
		{name: "link", blob: link, want: "link"},
		{name: "absent", blob: blobOf("absent"), err: isNotExist},
		{name: "dangling", blob: dangling, err: isNotExist},
		{name: "size", blob: short, err: func(err error) bool { return errors.As(err, &corrupt) }},
		{name: "content", blob: swapped, err: func(err error) bool { return errors.As(err, &corrupt) }},
		{name: "folder", blob: folder, err: func(err error) bool { return strings.Contains(err.Error(), "is not a file") }},
		{name: "escape", blob: plan.Blob{Digest: "sha256:../../x"}, err: func(err error) bool { return strings.Contains(err.Error(), "not a SHA-256 digest") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := read(source.Layout(dir), tc.blob)
			if tc.err == nil && (err != nil || got != tc.want) {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
			if tc.err != nil && (err == nil || !tc.err(err)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestChain(t *testing.T) {
	here, there, nowhere := blobOf("here"), blobOf("there"), blobOf("nowhere")
	var reports []string
	chain := &source.Chain{
		Sources: []source.Named{
			{Name: "the first", Blobs: source.Memory{here.Digest: []byte("here")}},
			{Name: "the broken", Blobs: failing{errors.New("connection refused")}},
			{Name: "the last", Blobs: source.Memory{there.Digest: []byte("there")}},
		},
		Report: func(name string, err error) { reports = append(reports, name+": "+err.Error()) },
		Label:  func(plan.Blob) (string, bool) { return "//services/gateway:image", true },
	}
	for range 2 {
		for blob, want := range map[plan.Blob]string{here: "here", there: "there"} {
			if got, err := read(chain, blob); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		}
	}
	if diff := cmp.Diff([]string{"the broken: connection refused"}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	_, err := read(chain, nowhere)
	want := fmt.Sprintf("blob %s of 7 bytes is nowhere to be found (connection refused)", nowhere.Digest)
	if !isNotExist(err) || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	var missing *source.MissingError
	if !errors.As(err, &missing) || missing.Command() != "tools/bazelw build --remote_download_outputs=toplevel //services/gateway:image" {
		t.Errorf("got %#v without the command that brings the image", err)
	}
}

func TestChainStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	chain := &source.Chain{Sources: []source.Named{{Name: "any", Blobs: failing{context.Canceled}}}}
	if _, err := chain.Open(ctx, blobOf("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestNewMemory(t *testing.T) {
	m, c := blobOf("manifest"), blobOf("config")
	memory := source.NewMemory(plan.Descriptor{
		Manifest: plan.Content{Blob: m, Data: []byte("manifest")},
		Config:   plan.Content{Blob: c, Data: []byte("config")},
	})
	for blob, want := range map[plan.Blob]string{m: "manifest", c: "config"} {
		if got, err := read(memory, blob); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

type failing struct{ err error }

func (f failing) Open(context.Context, plan.Blob) (io.ReadCloser, error) { return nil, f.err }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func read(blobs source.Blobs, blob plan.Blob) (string, error) {
	r, err := blobs.Open(context.Background(), blob)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.String(), err
}
