package release_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/test/distribution"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
)

// Real registries with logins on both sides: what is promoted is what was tested, the second time nothing moves, another digest under
// the same version is refused, and so is a tag of CI's that does not have this commit's digest.
func TestCopyBetweenRealRegistries(t *testing.T) {
	ci := distribution.Start(t, distribution.Options{User: "me", Password: "ci"})
	releases := distribution.Start(t, distribution.Options{User: "me", Password: "releases"})
	logins := tokens{ci.Host: "ci", releases.Host: "releases"}
	w := newWorld(t, true)
	w.signer = signerOf(t, newKey(t))
	push := func(services []release.Service, tag string) {
		t.Helper()
		w.pushTo(ci.Host, logins, services, tag)
	}
	copy := func(services []release.Service, tag string) (release.Result, error) {
		r := w.between(ci.Host, releases.Host, logins)
		r.Services, r.Decision.Tag = services, tag
		return r.Copy(t.Context())
	}
	digest := func(reference string) string {
		t.Helper()
		ref, err := name.ParseReference(reference)
		if err != nil {
			t.Fatal(err)
		}
		head, err := remote.Head(ref, remote.WithAuthFromKeychain(logins))
		if err != nil {
			t.Error(err)
			return ""
		}
		return head.Digest.String()
	}
	complete := func() {
		t.Helper()
		for _, s := range w.services {
			repository, want := releases.Host+"/org/"+s.Index.Name, s.Index.Index.Digest
			if got := digest(repository + ":v1.2.3"); got != want {
				t.Errorf("%s:v1.2.3: got %s, want the tested %s", s.Index.Name, got, want)
			}
			for _, d := range s.Index.Images {
				if got := digest(repository + "@" + d.Manifest.Digest); got != d.Manifest.Digest {
					t.Errorf("%s, %s: got %s, want the tested %s", s.Index.Name, d.Platform(), got, d.Manifest.Digest)
				}
			}
			for _, attached := range []string{"", ".sig", ".att"} {
				digest(repository + ":" + strings.Replace(want, ":", "-", 1) + attached)
			}
		}
	}

	push(w.services, tag)
	got, err := copy(w.services, tag)
	if err != nil || got.Released != 2 || got.Moved.BlobsSent == 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	complete()
	if got, err = copy(w.services, tag); err != nil || got.Released != 0 || got.Moved.BlobsSent != 0 {
		t.Errorf("second run: got %+v, %v; want nothing sent", got, err)
	}

	others := []release.Service{w.service("gateway", "2"), w.service("datastorage", "1")}
	push(others, "main-ba9876543210-all")
	if got, err = copy(others, "main-ba9876543210-all"); err == nil || !strings.Contains(err.Error(), "a version is never moved") {
		t.Errorf("another digest under v1.2.3: got %+v, %v", got, err)
	}
	push(others, tag)
	if got, err = copy(w.services, tag); err == nil || !strings.Contains(err.Error(), "what was tested is not known") {
		t.Errorf("a forged tag: got %+v, %v", got, err)
	}
	complete()
	if got.Moved.BlobsSent != 0 {
		t.Errorf("a refused release sent %d blobs", got.Moved.BlobsSent)
	}
}
