package push_test

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"io"
	"os"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-cmp/cmp"
	spdx "github.com/spdx/tools-golang/json"

	"github.com/kubernaut/kubernaut/tools/archive"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const program = here + "program/"

func readRunfile(t *testing.T, path string) []byte {
	t.Helper()
	file, err := runfiles.Rlocation(path)
	if err != nil && os.Getenv("TEST_SRCDIR") == "" {
		t.Skipf("no runfiles, run bazel test //tools/oci/tests:tests_test: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The index of an image has the image that tests run, byte for byte, and one for the other platform, whose program is for that
// machine.
func TestIndex(t *testing.T) {
	index, err := plan.DecodeIndex("index", readRunfile(t, program+"index.descriptor.json"))
	if err != nil {
		t.Fatal(err)
	}
	tested, err := plan.DecodeDescriptor("image", readRunfile(t, program+"image.descriptor.json"))
	if err != nil {
		t.Fatal(err)
	}
	layout, err := runfiles.Rlocation(program + "index")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]elf.Machine{}
	for _, image := range index.Images {
		if image.Platform() == tested.Platform() {
			if diff := cmp.Diff(tested.Manifest, image.Manifest); diff != "" {
				t.Errorf("%s: manifest (-tested +index's):\n%s", image.Platform(), diff)
			}
		}
		got[image.Platform()] = machine(t, source.Layout(layout), image)
	}
	want := map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("machines (-want +got):\n%s", diff)
	}
}

// machine is that of the program in the last layer.
func machine(t *testing.T, blobs source.Blobs, image plan.Descriptor) elf.Machine {
	t.Helper()
	layer := image.Layers[len(image.Layers)-1]
	content, err := blobs.Open(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	unpacked, _, err := archive.Unpack(layer.MediaType, content)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(unpacked)
	for {
		header, err := files.Next()
		if err != nil {
			t.Fatalf("looking for the program: %v", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return file.Machine
	}
}

// Bazel's linker writes the modules into the program, and the document has them.
func TestContents(t *testing.T) {
	for _, platform := range []string{"linux-amd64", "linux-arm64"} {
		document, err := spdx.Read(bytes.NewReader(readRunfile(t, program+"index."+platform+".spdx.json")))
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, p := range document.Packages {
			names[p.PackageName] = true
		}
		for _, name := range []string{"program", "stdlib", "github.com/google/go-cmp", "github.com/kubernaut/kubernaut/tools/oci/tests/program"} {
			if !names[name] {
				t.Errorf("%s: got %v, which lack %s", platform, names, name)
			}
		}
	}
}
