package release_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
)

// tokens is a login for each registry.
type tokens map[string]string

// Resolve implements authn.Keychain.
func (k tokens) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: "me", Password: k[r.RegistryStr()]}), nil
}

func startGHCR(t *testing.T, o ghcr.Options) *ghcr.Server {
	t.Helper()
	s, err := ghcr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Registries with GitHub's habits on both sides: nothing without a token, and CI's can only read; no mounts, no referrers API, 429, and
// a release's tags are seen late.
func TestCopyBetweenRegistriesLikeGitHub(t *testing.T) {
	w, key := newWorld(t, true), newKey(t)
	w.signer = signerOf(t, key)
	options := ghcr.Options{
		Busy:     2,
		Accounts: []ghcr.Account{ghcr.Personal("ci", "write", []string{"write:packages"}, "k"), ghcr.Personal("release", "read", []string{"read:packages"}, "k")},
	}
	ci := startGHCR(t, options)
	options.TagLag = 1
	options.Accounts = []ghcr.Account{ghcr.Personal("release", "robot", []string{"write:packages"}, "org")}
	releases := startGHCR(t, options)
	w.pushTo(ci.Host, tokens{ci.Host: "write"}, w.services, tag)
	logins := tokens{ci.Host: "read", releases.Host: "robot"}
	copy := func() (release.Result, error) {
		return w.between(ci.Host, releases.Host, logins).Copy(t.Context())
	}
	got, err := copy()
	if err != nil || got.Released != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, s := range w.services {
		if got := releases.Digest("org/"+s.Index.Name, "v1.2.3"); got != s.Index.Index.Digest {
			t.Errorf("%s:v1.2.3: got %q, want %q", s.Index.Name, got, s.Index.Index.Digest)
		}
		listed := strings.Replace(s.Index.Index.Digest, ":", "-", 1)
		for _, tag := range []string{listed, listed + ".sig", listed + ".att"} {
			if releases.Digest("org/"+s.Index.Name, tag) == "" {
				t.Errorf("%s has no tag %s", s.Index.Name, tag)
			}
		}
	}
	if got, err = copy(); err != nil || got.Released != 0 || got.Moved.BlobsSent != 0 {
		t.Errorf("second run: got %+v, %v", got, err)
	}
}
