package source_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/certificates"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	password = "correct horse"
	user     = "ci"
)

// layer is more than any message or buffer on the way.
func layer() string {
	random := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(random)
	return string(random) + strings.Repeat("\x00", 3<<20)
}

type remoteCases struct {
	certificates certificates.Files
	htpasswd     string
}

func newRemoteCases(t *testing.T) remoteCases {
	t.Helper()
	dir := t.TempDir()
	c, err := certificates.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := remoteCases{certificates: c, htpasswd: filepath.Join(dir, "htpasswd")}
	if err := bazelremote.WriteHtpasswd(r.htpasswd, user, password); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRemoteCache reads from a real bazel-remote, by both protocols.
func TestRemoteCache(t *testing.T) {
	cases, content := newRemoteCases(t), layer()
	secure := bazelremote.Options{Certificate: cases.certificates.Server, Key: cases.certificates.ServerKey}
	mutual, locked := secure, bazelremote.Options{Htpasswd: cases.htpasswd}
	mutual.ClientCA = cases.certificates.CA
	withCA := source.Cache{CA: cases.certificates.CA}
	withPair := source.Cache{CA: cases.certificates.CA, ClientCertificate: cases.certificates.Client, ClientKey: cases.certificates.ClientKey}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HELPER_PASSWORD", password)
	for _, tc := range []struct {
		name    string
		server  bazelremote.Options
		cache   source.Cache
		user    string // before the endpoint's host
		refused string // words of the error; empty is success
	}{
		{name: "open"},
		{name: "compression", cache: source.Cache{Compression: true}},
		{name: "uncompressed storage", server: bazelremote.Options{Storage: "uncompressed"}, cache: source.Cache{Compression: true}},
		{name: "instance", cache: source.Cache{Instance: "a/b"}},
		{name: "TLS", server: secure, cache: withCA},
		{name: "unknown authority", server: secure, refused: "certificate signed by unknown authority"},
		{name: "client certificate", server: mutual, cache: withPair},
		{name: "no client certificate", server: mutual, cache: withCA, refused: "it wants credentials"},
		{name: "password in the address", server: locked, user: user + ":" + strings.ReplaceAll(password, " ", "%20") + "@"},
		{name: "wrong password", server: locked, user: user + ":hunter2@", refused: "it refuses the credentials"},
		{name: "no password", server: locked, refused: "it wants credentials"},
		{name: "helper", server: locked, cache: source.Cache{Helpers: []source.Helper{{Path: self}}}},
		{name: "wrong helper", server: locked, cache: source.Cache{Helpers: []source.Helper{{Path: self}, {Pattern: "127.0.0.1", Path: "/nowhere"}}}, refused: `running credential helper "/nowhere"`},
		{name: "header", server: locked, cache: source.Cache{Headers: []source.Header{{Name: "Authorization", Value: "Basic Y2k6aHVudGVyMg=="}}}, refused: "it refuses the credentials"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server, err := bazelremote.Start(tc.server)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			blob := blobOf(content)
			store(t, server, cases, content)
			for _, endpoint := range []string{server.GRPC, server.HTTP} {
				c := tc.cache
				c.Endpoint = strings.Replace(endpoint, "://", "://"+tc.user, 1)
				cache := open(t, c)
				got, err := read(cache, blob)
				if tc.refused == "" && (err != nil || got != content) {
					t.Errorf("%s: got %d bytes, %v; want %d", endpoint, len(got), err, len(content))
				}
				if tc.refused != "" {
					wantRefusal(t, err, endpoint, tc.refused)
					continue
				}
				if _, err := read(cache, blobOf("absent")); !isNotExist(err) {
					t.Errorf("%s: got %v for an absent blob, want fs.ErrNotExist", endpoint, err)
				}
				if got, err := read(cache, blobOf("")); err != nil || got != "" {
					t.Errorf("%s: got %q, %v for the empty blob", endpoint, got, err)
				}
			}
			if sent := server.Counts().Sent; tc.cache.Compression && sent > int64(2*len(content))-2<<20 {
				t.Errorf("got %d bytes over the wire, want one of two transfers compressed", sent)
			}
		})
	}
}

// wantRefusal holds an error against what it must say and must not say.
func wantRefusal(t *testing.T, err error, endpoint, words string) {
	t.Helper()
	var refused *source.EndpointError
	if !errors.As(err, &refused) || isNotExist(err) || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), endpoint) {
		t.Errorf("got %v, want an EndpointError with %q and %q", err, endpoint, words)
	}
	for _, secret := range []string{"hunter2", password, "Y2k6"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("got the secret in %v", err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	server := startGRPC(t, "unix", grpcServer{content: map[string]string{blobOf("x").Digest: "x"}})
	got, err := read(open(t, source.Cache{Endpoint: server}), blobOf("x"))
	if err != nil || got != "x" {
		t.Errorf("got %q, %v from %s", got, err, server)
	}
}

func TestOpenCacheRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		cache source.Cache
		want  string
	}{
		{"nothing", source.Cache{}, "with a host"},
		{"other scheme", source.Cache{Endpoint: "s3://bucket"}, `checking remote cache "s3://bucket"`},
		{"no host", source.Cache{Endpoint: "grpc://"}, "with a host"},
		{"bad port", source.Cache{Endpoint: "grpc://u:hunter2@h:port"}, `checking remote cache "grpc://h:port"`},
		{"CA absent", source.Cache{Endpoint: "h", CA: dir + "/absent"}, "no such file"},
		{"CA garbage", source.Cache{Endpoint: "h", CA: garbage}, "no PEM certificate"},
		{"certificate alone", source.Cache{Endpoint: "h", ClientCertificate: garbage}, "needs its key"},
		{"pair garbage", source.Cache{Endpoint: "h", ClientCertificate: garbage, ClientKey: garbage}, "failed to find any PEM data"},
		{"pattern", source.Cache{Endpoint: "h", Helpers: []source.Helper{{Pattern: "*x", Path: "y"}}}, "no DNS name"},
		{"helper without path", source.Cache{Endpoint: "h", Helpers: []source.Helper{{Pattern: "a.b"}}}, "it has no path"},
		{"header", source.Cache{Endpoint: "h", Headers: []source.Header{{Name: "x", Value: "hunter2\r\ny: z"}}}, `the header "x"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := source.OpenCache(tc.cache)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func open(t *testing.T, c source.Cache) source.CacheBlobs {
	t.Helper()
	cache, err := source.OpenCache(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return cache
}

// store uploads as a build would, with everything that the server may want.
func store(t *testing.T, server *bazelremote.Server, cases remoteCases, content string) plan.Blob {
	t.Helper()
	blob := blobOf(content)
	req, err := http.NewRequest(http.MethodPut, server.HTTP+"/cas/"+strings.TrimPrefix(blob.Digest, "sha256:"), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	resp, err := cases.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("storing: got %s", resp.Status)
	}
	return blob
}
