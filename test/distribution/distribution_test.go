package distribution_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/test/certificates"
	"github.com/kubernaut/kubernaut/test/distribution"
)

func TestStart(t *testing.T) {
	files, err := certificates.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := distribution.Start(t, distribution.Options{User: "me", Password: "secret", Certificate: files.Server, Key: files.ServerKey, Delete: true})
	authority, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	trust := remote.WithTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
	login := remote.WithAuth(&authn.Basic{Username: "me", Password: "secret"})
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(s.Host + "/k/gateway:t1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image, trust, remote.WithAuth(&authn.Basic{Username: "me", Password: "wrong"})); err == nil {
		t.Error("got a push with a wrong password")
	}
	if err := remote.Write(tag, image, trust, login); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(tag.Digest(digest.String()), trust, login); err != nil {
		t.Error(err)
	}
	if _, err := remote.Get(tag, trust, login); err == nil {
		t.Error("a deleted manifest is there")
	}
}
