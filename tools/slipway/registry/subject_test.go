package registry_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// A registry without the referrers API lists what refers to an image all the same, under a tag of its own.
func TestPushSubject(t *testing.T) {
	s, d := newServer(t), newDisk()
	subject := s.to(d.image("a", "base"), "t1")
	referrer := s.to(d.image("a", "about a"))
	var manifest map[string]any
	if err := json.Unmarshal(referrer.Descriptor.Manifest.Data, &manifest); err != nil {
		t.Fatal(err)
	}
	manifest["subject"] = subject.Descriptor.Manifest.Blob
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	referrer.Descriptor.Manifest = blob(ociManifest, data)
	if _, err := d.pusher().Push(t.Context(), []registry.Image{subject, referrer}); err != nil {
		t.Fatal(err)
	}
	digest, err := name.NewDigest(subject.Reference())
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Referrers(digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil || len(list.Manifests) != 1 || list.Manifests[0].Digest.String() != referrer.Descriptor.Manifest.Digest {
		t.Errorf("got %+v, %v; want %s", list, err, referrer.Descriptor.Manifest.Digest)
	}
}
