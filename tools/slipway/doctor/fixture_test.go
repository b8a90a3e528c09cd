package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/doctor"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

const (
	repository = "kubernaut/kubernaut"
	absent     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

var accounts = []ghcr.Account{
	ghcr.Workflow(repository, "workflow"),
	ghcr.Fork(repository, "fork"),
	ghcr.Personal("octocat", "writer", []string{"write:packages", "delete:packages"}, "kubernaut"),
	ghcr.Personal("octocat", "reader", []string{"read:packages"}, "kubernaut"),
	ghcr.Personal("stranger", "stranger", []string{"write:packages"}),
}

// packages: gateway is linked to the repository, foreign to another one, loose to none, open is public. All but new have an image.
var packages = []ghcr.Package{
	{Name: "kubernaut/kubernaut/gateway", Repository: repository},
	{Name: "kubernaut/kubernaut/foreign", Repository: "kubernaut/website"},
	{Name: "kubernaut/kubernaut/loose"},
	{Name: "kubernaut/kubernaut/open", Public: true, Repository: repository},
}

// clinic is a registry with the packages, and the digest of each one's image.
type clinic struct {
	*ghcr.Server
	digests map[string]string
}

func newClinic(t *testing.T, o ghcr.Options) clinic {
	t.Helper()
	o.Accounts, o.Packages = accounts, packages
	busy := o.Busy
	o.Busy = 0
	s, err := ghcr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := clinic{s, map[string]string{}}
	for _, p := range packages {
		image, err := random.Image(10, 1)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(s.Host + "/" + p.Name + ":main")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: "octocat", Password: "writer"})); err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		c.digests[p.Name] = digest.String()
	}
	s.SetBusy(busy)
	s.Reset()
	return c
}

// config is that of the account with the token, for one image; nobody's when the token is empty.
func (c clinic) config(token, image string) doctor.Config {
	prefix := c.Host + "/" + repository
	digest := c.digests[repository+"/"+image]
	if digest == "" {
		digest = absent
	}
	descriptor := plan.Descriptor{Name: image, Label: "//services/" + image + ":image"}
	descriptor.Manifest.Digest = digest
	quick := func() *registry.Pusher {
		return &registry.Pusher{Progress: progress.Discard(), Backoff: time.Millisecond}
	}
	own := quick()
	config := doctor.Config{
		Anonymous: quick(), Credentials: own, Registry: prefix, Run: doctor.Run{Repository: repository},
		Images: []registry.Image{{Descriptor: descriptor, Repository: prefix + "/" + image}},
	}
	if token != "" {
		own.Keychain = chain{token}
		config.User, config.Secret = "octocat", true
		config.GitHub = &doctor.GitHub{API: c.API, Token: token}
	}
	return config
}

type chain struct{ token string }

func (c chain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "octocat", Password: c.token}, nil
}

// examine returns "check state finding | hint | hint" without the registry's address.
func examine(t *testing.T, s clinic, c doctor.Config) []string {
	t.Helper()
	report, err := doctor.Examine(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, check := range report.Checks {
		line := strings.Join(append([]string{check.Name + " " + string(check.State) + " " + check.Finding}, check.Hints...), " | ")
		lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(line, s.Host, "HOST"), s.API, "API"))
	}
	return lines
}
