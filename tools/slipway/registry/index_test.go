package registry_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// index is one of the images, as something to push.
func index(name string, images ...plan.Descriptor) plan.Descriptor {
	const indexType = "application/vnd.oci.image.index.v1+json"
	var entries []plan.Blob
	for _, d := range images {
		entries = append(entries, d.Manifest.Blob)
	}
	data, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
	return plan.Descriptor{Version: 1, Label: "//services/" + name + ":index", Name: name, Manifest: blob(indexType, data)}
}

// part is an image of an index.
func part(image registry.Image, name string) registry.Image {
	image.Part = name
	return image
}

// The registry refuses an index before its images, so the order is what makes this succeed.
func TestPushIndex(t *testing.T) {
	s, d := newServer(t), newDisk()
	amd, arm := d.image("gateway", "base", "amd64"), d.image("gateway", "base", "arm64")
	top := s.to(index("gateway", amd, arm), "t1")
	images := []registry.Image{top, part(s.to(amd), "linux/amd64"), part(s.to(arm), "linux/arm64")}
	dry, err := d.pusher().Plan(t.Context(), images)
	if err != nil || len(dry.Images) != 3 || dry.Images[0].Blobs != 0 || dry.Images[1].Title() != "gateway (linux/amd64)" {
		t.Errorf("dry run: got %+v, %v", dry, err)
	}
	s.reset()
	got, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	var planned registry.ImageDryRun
	for _, image := range dry.Images {
		planned.Requests += image.Requests
		planned.Blobs += image.Blobs
		planned.Bytes += image.Bytes
		planned.LayerBytes += image.LayerBytes
	}
	// Beyond the plan: a ping, the tag, and three digests.
	if planned.Blobs != got.BlobsSent || planned.Bytes != got.BytesSent || planned.LayerBytes != got.LayerBytes || planned.Requests != len(s.reset())-5 {
		t.Errorf("the dry run says %+v, the push took %+v", planned, got)
	}
	if got.References["gateway"] != top.Reference() || len(got.References) != 1 || got.BlobsSent != 5 {
		t.Errorf("got %+v, want the index's reference and 5 blobs", got)
	}
	if tag := s.digest(t, "k/gateway", "t1"); tag != top.Descriptor.Manifest.Digest {
		t.Errorf("tag: got %q", tag)
	}
	s.reset()
	if got, err = d.pusher().Push(t.Context(), images); err != nil || got.BlobsSent != 0 || s.count(http.MethodPut, "") != 0 {
		t.Errorf("again: got %+v, %v", got, err)
	}
}

// What is there already is mounted from, and its repository is asked for no right to write.
func TestPushMountsFromAnother(t *testing.T) {
	s, d := newServer(t), newDisk()
	image := d.image("gateway", "base", "1")
	there := s.to(image)
	if _, err := d.pusher().Push(t.Context(), []registry.Image{there}); err != nil {
		t.Fatal(err)
	}
	there.Mounted = true
	released := there
	released.Repository, released.Mounted = s.host+"/org/gateway", false
	var sold atomic.Int32
	var scopes atomic.Value
	s.tokens("hunter2", &sold, &scopes)
	p := d.pusher()
	p.Keychain = keychain{"me", "hunter2"}
	got, err := p.Push(t.Context(), []registry.Image{there, released})
	if err != nil || got.BlobsMounted != 3 || got.BlobsSent != 0 {
		t.Errorf("got %+v, %v; want 3 blobs mounted", got, err)
	}
	if got := scopes.Load().([]string); !slices.Equal(got, []string{"repository:k/gateway:pull", "repository:org/gateway:push,pull"}) {
		t.Errorf("got scopes %v", got)
	}
	s.repair()
	missing := s.to(d.image("other", "base", "2"))
	missing.Mounted = true
	if _, err := d.pusher().Push(t.Context(), []registry.Image{missing}); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("got %v for an image to mount from that is not there", err)
	}
}
