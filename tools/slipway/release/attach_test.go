package release_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listed are the manifests that refer to a digest, by artifact type: from the API, else by the tag that stands in for it.
func (w *world) listed(repository, digest string) map[string]string {
	w.t.Helper()
	data := w.quay.get(repository + "/referrers/" + digest)
	if data == nil {
		data = w.quay.get(repository + "/manifests/" + strings.Replace(digest, ":", "-", 1))
	}
	var index struct {
		Manifests []struct{ Digest string }
	}
	if err := json.Unmarshal(data, &index); err != nil {
		w.t.Fatalf("referrers of %s: %v in %q", digest, err, data)
	}
	found := map[string]string{}
	for _, m := range index.Manifests {
		// The registry of these tests lists the configuration's type instead of the artifact's.
		var manifest struct{ ArtifactType string }
		if err := json.Unmarshal(w.quay.get(repository+"/manifests/"+m.Digest), &manifest); err != nil {
			w.t.Fatal(err)
		}
		found[manifest.ArtifactType] = m.Digest
	}
	if len(found) != len(index.Manifests) {
		w.t.Errorf("got %+v, want one of each type", index.Manifests)
	}
	return found
}

// layer is what the one layer of a manifest holds.
func (w *world) layer(repository, digest string) []byte {
	w.t.Helper()
	var m struct {
		Subject *struct{ Digest string }
		Layers  []struct{ Digest string }
	}
	if err := json.Unmarshal(w.quay.get(repository+"/manifests/"+digest), &m); err != nil || len(m.Layers) != 1 {
		w.t.Fatalf("manifest %s: got %+v, %v", digest, m, err)
	}
	return w.quay.get(repository + "/blobs/" + m.Layers[0].Digest)
}

func TestAttachments(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers API=%v", api), func(t *testing.T) {
			w := newWorld(t, api)
			if _, err := w.copy(); err != nil {
				t.Fatal(err)
			}
			for _, s := range w.services {
				repository := "org/" + s.Index.Name
				for _, d := range s.Index.Images {
					found := w.listed(repository, d.Manifest.Digest)
					if got := slices.Collect(maps.Keys(found)); !slices.Equal(got, []string{"application/spdx+json"}) {
						t.Fatalf("%s: got %v", d.Platform(), got)
					}
					if got := w.layer(repository, found["application/spdx+json"]); string(got) != string(s.SBOMs[d.Platform()]) {
						t.Errorf("%s: got %q, want the SBOM as the build made it", d.Platform(), got)
					}
				}
				found := w.listed(repository, s.Index.Index.Digest)
				w.checkProvenance(s.Index.Name, s.Index.Index.Digest, w.layer(repository, found["application/vnd.in-toto+json"]))
			}
		})
	}
}

func (w *world) checkProvenance(name, digest string, data []byte) {
	w.t.Helper()
	type resource struct {
		Name, URI string
		Digest    map[string]string
	}
	var got struct {
		Type          string `json:"_type"`
		PredicateType string
		Subject       []resource
		Predicate     struct {
			BuildDefinition struct{ ResolvedDependencies []resource }
			RunDetails      struct {
				Builder  struct{ ID string }
				Metadata struct{ InvocationID string }
			}
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		w.t.Fatal(err)
	}
	hex := strings.TrimPrefix(digest, "sha256:")
	want := []resource{
		{URI: "oci://" + w.ci.host + "/k/" + name + ":" + tag, Digest: map[string]string{"sha256": hex}},
		{URI: "git+https://example.com/k@" + commit, Digest: map[string]string{"gitCommit": commit}},
	}
	if diff := cmp.Diff(want, got.Predicate.BuildDefinition.ResolvedDependencies); diff != "" {
		w.t.Errorf("dependencies (-want +got):\n%s", diff)
	}
	if got.Type != "https://in-toto.io/Statement/v1" || got.PredicateType != "https://slsa.dev/provenance/v1" ||
		len(got.Subject) != 3 || got.Subject[0].Digest["sha256"] != hex || got.Subject[0].Name != w.quay.host+"/org/"+name ||
		got.Predicate.RunDetails.Builder.ID != "https://example.com/builder" || got.Predicate.RunDetails.Metadata.InvocationID != "https://example.com/runs/1" {
		w.t.Errorf("got %+v", got)
	}
}

// A registry without the referrers API lists what refers to a digest when it is told. A release that broke off between the
// manifest and the list is made good by the next one.
func TestAttachmentsAreListedAtLast(t *testing.T) {
	w := newWorld(t, false)
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	s := w.services[0]
	fallback := strings.Replace(s.Index.Index.Digest, ":", "-", 1)
	w.quay.remove("org/gateway/manifests/" + fallback)
	w.quay.remove("org/gateway/manifests/v1.2.3")
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	if found := w.listed("org/gateway", s.Index.Index.Digest); len(found) != 1 {
		t.Errorf("got %v", found)
	}
}
