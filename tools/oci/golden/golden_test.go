// Package golden_test compares what oci_image and oci_image_index make with what rules_oci 2.3.2 made of the same
// inputs, byte for byte: index.json, the manifest, the config and the content of <name>.digest of every target.
//
// One thing cannot be equal. A config's history names the label of each layer's target, and the golden images were made
// in a workspace whose layers were //in:app.tar and so on, while here they are //tools/oci/golden:testdata/in/app.tar.
// So the test first checks each image as it is (every blob has the digest that it is named by, every size is right),
// then renames the label prefix in the configs, carries the digests and sizes that follow from that up to index.json,
// and compares the result with the untouched golden bytes. Nothing but the prefix, the digests and the sizes is
// changed, and these in the built image alone.
//
// Whether a layer is a symlink is no property of the bytes: in a test's sandbox every file is a symlink, and an image
// from a cache holds regular files. The module's own tests of the image builder hold it: layers are relative links,
// never copies.
package golden_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-cmp/cmp"
)

const (
	builtPrefix  = "bazel build //tools/oci/golden:testdata/in/"
	goldenPrefix = "bazel build //in:"
)

func TestImagesEqualThoseOfRulesOCI(t *testing.T) {
	dir := packageDir(t)
	var digests map[string]string
	if err := json.Unmarshal(read(t, filepath.Join(dir, "testdata", "digests.json")), &digests); err != nil {
		t.Fatal(err)
	}
	if len(digests) != 18 {
		t.Fatalf("digests.json names %d images, want 18", len(digests))
	}
	for name, digest := range digests {
		t.Run(name, func(t *testing.T) {
			files, built, renamed := image(t, filepath.Join(dir, name))
			compare(t, filepath.Join(dir, "testdata", "images", name), files)
			if diff := cmp.Diff(digest, renamed); diff != "" {
				t.Errorf("digest: -want +got:\n%s", diff)
			}
			file := read(t, filepath.Join(dir, name+".json.sha256"))
			if diff := cmp.Diff(built+"\n", string(file)); diff != "" {
				t.Errorf("%s.digest: -want +got:\n%s", name, diff)
			}
		})
	}
}

// packageDir returns the runfiles directory of this package.
func packageDir(t *testing.T) string {
	t.Helper()
	file, err := runfiles.Rlocation(path.Join("_main", "tools/oci/golden/testdata/digests.json"))
	if err != nil {
		t.Skipf("no runfiles, run bazel test //tools/oci/golden:golden_test: %v", err)
	}
	return filepath.Dir(filepath.Dir(file))
}

// compare compares files with the directory want, both ways.
func compare(t *testing.T, want string, files map[string]string) {
	t.Helper()
	golden := map[string]string{}
	entries, err := os.ReadDir(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		golden[entry.Name()] = string(read(t, filepath.Join(want, entry.Name())))
	}
	if diff := cmp.Diff(golden, files); diff != "" {
		t.Errorf("-rules_oci +built:\n%s", diff)
	}
}

// layout is an image that is being read: the blobs met so far, and the files to compare.
type layout struct {
	dir     string
	reached map[string]bool
	files   map[string]string
}

// descriptor is the part of a descriptor, manifest or index that the test follows.
type descriptor struct {
	Digest    string
	Size      int
	Config    *descriptor
	Layers    []descriptor
	Manifests []descriptor
}

// image returns the layout's files under the golden files' names, with the labels renamed, and the digest of its
// manifest before and after that.
func image(t *testing.T, dir string) (files map[string]string, built, renamed string) {
	t.Helper()
	l := &layout{dir: dir, reached: map[string]bool{}, files: map[string]string{}}
	index := read(t, filepath.Join(dir, "index.json"))
	root := parse(t, index).Manifests[0]
	manifest, changed := l.manifest(t, root, "")
	l.files["index.json"] = string(replace(index, root, changed))
	l.files["manifest.json"] = string(manifest)
	l.checkBlobs(t)
	return l.files, root.Digest, changed.Digest
}

// manifest returns the bytes and the descriptor of a manifest or index whose configs have been renamed.
func (l *layout) manifest(t *testing.T, d descriptor, prefix string) ([]byte, descriptor) {
	t.Helper()
	data := l.blob(t, d)
	m := parse(t, data)
	for i, child := range m.Manifests {
		prefix := strconv.Itoa(i) + "-"
		childData, changed := l.manifest(t, child, prefix)
		l.files[prefix+"manifest.json"] = string(childData)
		data = replace(data, child, changed)
	}
	if m.Config != nil {
		config := bytes.ReplaceAll(l.blob(t, *m.Config), []byte(builtPrefix), []byte(goldenPrefix))
		l.files[prefix+"config.json"] = string(config)
		data = replace(data, *m.Config, describe(config))
	}
	for _, layer := range m.Layers {
		l.blob(t, layer)
	}
	return data, describe(data)
}

// blob reads a blob and checks it against its descriptor.
func (l *layout) blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	l.reached[d.Digest] = true
	data := read(t, filepath.Join(l.dir, "blobs", strings.Replace(d.Digest, ":", "/", 1)))
	if diff := cmp.Diff(descriptor{Digest: d.Digest, Size: d.Size}, describe(data)); diff != "" {
		t.Errorf("blob: -descriptor +content:\n%s", diff)
	}
	return data
}

// checkBlobs reports blobs that nothing refers to.
func (l *layout) checkBlobs(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(l.dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := []string{}, []string{}
	for digest := range l.reached {
		want = append(want, digest)
	}
	for _, entry := range entries {
		got = append(got, "sha256:"+entry.Name())
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blobs: -referred to +present:\n%s", diff)
	}
}

// replace puts the digest and the size of to in the place of from's. They stand on neighbouring lines, in either order.
func replace(data []byte, from, to descriptor) []byte {
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if !strings.Contains(line, strconv.Quote(from.Digest)) {
			continue
		}
		lines[i] = strings.Replace(line, from.Digest, to.Digest, 1)
		for _, j := range []int{i - 1, i + 1} {
			if strings.TrimSuffix(strings.TrimSpace(lines[j]), ",") == fmt.Sprintf(`"size": %d`, from.Size) {
				lines[j] = strings.Replace(lines[j], strconv.Itoa(from.Size), strconv.Itoa(to.Size), 1)
			}
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

func describe(data []byte) descriptor {
	return descriptor{Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: len(data)}
}

func parse(t *testing.T, data []byte) descriptor {
	t.Helper()
	var d descriptor
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
