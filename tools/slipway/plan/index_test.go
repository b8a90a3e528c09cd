package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const indexType = "application/vnd.oci.image.index.v1+json"

// entry is one of an index, with the platform that it should have.
type entry struct {
	plan.Blob
	Platform *plan.Platform `json:"platform,omitempty"`
}

// goodIndex has an image for each architecture; edit may change the entries before the index gets its digest.
func goodIndex(t *testing.T, edit func([]entry) []entry, architectures ...string) plan.Index {
	x := plan.Index{Version: 1, Label: "//services/gateway:index", Name: "gateway"}
	var entries []entry
	for _, architecture := range architectures {
		d := goodDescriptor(t, func(_, config map[string]any) { config["architecture"] = architecture })
		d.Architecture = architecture
		x.Images = append(x.Images, d)
		entries = append(entries, entry{d.Manifest.Blob, &plan.Platform{OS: "linux", Architecture: architecture}})
	}
	if edit != nil {
		entries = edit(entries)
	}
	x.Index = content(indexType, encode(t, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": entries}))
	return x
}

func TestDecodeIndex(t *testing.T) {
	want := goodIndex(t, nil, "amd64", "arm64")
	data := encode(t, want)
	got, err := plan.DecodeIndex("index.json", data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v, index (-want +got):\n%s", err, diff)
	}
	if !plan.IsIndex(data) || plan.IsIndex(encode(t, want.Images[0])) {
		t.Error("the descriptor of an index is not told from one of an image")
	}
	if blobs := want.Descriptor().Blobs(); len(blobs) != 0 {
		t.Errorf("got blobs %v of the index itself, want none", blobs)
	}
}

func TestDecodeIndexRefuses(t *testing.T) {
	swapped := func(entries []entry) []entry {
		entries[0].Platform, entries[1].Platform = entries[1].Platform, entries[0].Platform
		return entries
	}
	for _, tc := range []struct {
		name  string
		index plan.Index
		want  string
	}{
		{"two entries of a platform", goodIndex(t, nil, "amd64", "arm64", "amd64"), "manifests[2]: linux/amd64 is there twice"},
		{"another platform's image", goodIndex(t, swapped, "amd64", "arm64"), "manifests[0]: platform is linux/arm64, the image's configuration says linux/amd64"},
		{"no platform", goodIndex(t, func(e []entry) []entry { e[0].Platform = nil; return e }, "amd64"), "manifests[0]: platform is missing"},
		{"no entries", goodIndex(t, nil), "manifests is empty"},
		{"an entry without image", goodIndex(t, func(e []entry) []entry { return append(e, e[0]) }, "amd64"), "images must be 2, got 1"},
		{"another image", goodIndex(t, func(e []entry) []entry { e[0].Size++; return e }, "amd64"), "manifests[0]: image must be"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := plan.DecodeIndex("index.json", encode(t, tc.index))
			if err == nil || !strings.Contains(err.Error(), `reading descriptor "index.json": index of //services/gateway:index: `+tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
