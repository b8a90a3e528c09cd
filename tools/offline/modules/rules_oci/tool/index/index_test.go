package index_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/index"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

func TestBuild(t *testing.T) {
	amd64 := image(t, `{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k"]}`)
	arm64 := image(t, `{"variant":"v8","architecture":"arm64","os":"linux"}`)
	annotations := filepath.Join(t.TempDir(), "annotations.txt")
	if err := os.WriteFile(annotations, []byte("k=v=1\n\nflag\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	output := layout.Dir(filepath.Join(t.TempDir(), "index"))
	spec := index.Spec{Output: string(output), Images: []string{amd64, arm64, amd64}, Annotations: annotations}
	if err := index.Build(spec); err != nil {
		t.Fatal(err)
	}

	top, root, err := output.Root()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mediaType", "size", "digest"}, top.Keys()); diff != "" {
		t.Errorf("keys in index.json: -want +got:\n%s", diff)
	}
	built, err := output.Object(root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, entry := range built.List("manifests") {
		platforms = append(platforms, string(ordered.Marshal(entry.(*ordered.Object).Object("platform"))))
	}
	windows := "{\n  \"os\": \"windows\",\n  \"architecture\": \"amd64\",\n  \"os.version\": \"10.0\",\n  \"os.features\": [\n    \"win32k\"\n  ]\n}"
	linux := "{\n  \"os\": \"linux\",\n  \"architecture\": \"arm64\",\n  \"variant\": \"v8\"\n}"
	if diff := cmp.Diff([]string{windows, linux, windows}, platforms); diff != "" {
		t.Errorf("platforms: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff("{\n  \"k\": \"v=1\",\n  \"flag\": \"\"\n}", string(ordered.Marshal(built.Object("annotations")))); diff != "" {
		t.Errorf("annotations: -want +got:\n%s", diff)
	}
	links, files := kinds(t, string(output))
	// One layer that both images have; two manifests, two configs and the index.
	if links != 1 || files != 5 {
		t.Errorf("%d links and %d files, want 1 and 5", links, files)
	}
}

func TestBuildRefuses(t *testing.T) {
	single := image(t, `{"architecture":"amd64","os":"linux"}`)
	nested := filepath.Join(t.TempDir(), "index")
	if err := index.Build(index.Spec{Output: nested, Images: []string{single}}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, want string
		images     []string
	}{
		{"no image", "at least one image", nil},
		{"an index", "takes single images", []string{nested}},
		{"no layout", "no such file", []string{"/missing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := index.Build(index.Spec{Output: t.TempDir(), Images: test.images})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Build() = %v, want an error with %q", err, test.want)
			}
		})
	}
}

// image makes a layout of one image with one layer, which is the same for all.
func image(t *testing.T, config string) string {
	t.Helper()
	dir := layout.Dir(t.TempDir())
	layer := put(t, dir, "layer")
	manifest := ordered.Marshal(ordered.New(
		"mediaType", layout.ManifestType,
		"config", ordered.New("digest", put(t, dir, config)),
		"layers", []any{ordered.New("digest", layer)},
	))
	top := ordered.New("manifests", []any{ordered.New("mediaType", layout.ManifestType, "digest", put(t, dir, string(manifest)))})
	if err := dir.WriteIndex(ordered.Marshal(top), nil); err != nil {
		t.Fatal(err)
	}
	return string(dir)
}

func put(t *testing.T, dir layout.Dir, content string) string {
	t.Helper()
	digest, err := dir.Put([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func kinds(t *testing.T, dir string) (links, files int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Type()&os.ModeSymlink != 0 {
			links++
		} else {
			files++
		}
	}
	return links, files
}
