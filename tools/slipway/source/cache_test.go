package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// The test program is its own credential helper.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "get" {
		os.Exit(helper())
	}
	os.Exit(m.Run())
}

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
	certificates bazelremote.Certificates
	htpasswd     string
}

func newRemoteCases(t *testing.T) remoteCases {
	t.Helper()
	dir := t.TempDir()
	c, err := bazelremote.NewCertificates(dir)
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

// TestHelperAnswers counts how often the helper runs by what it says about time.
func TestHelperAnswers(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, expires string
		mode          string
		runs          int
		refused       string
	}{
		{name: "no expiry", runs: 1},
		{name: "later", expires: time.Now().Add(time.Hour).Format(time.RFC3339), runs: 1},
		{name: "past", expires: time.Now().Add(-time.Hour).Format(time.RFC3339), runs: 4},
		{name: "no time", expires: "tomorrow", runs: 1, refused: "RFC 3339"},
		{name: "fails", mode: "fail", runs: 1, refused: "no ticket"},
		{name: "garbage", mode: "garbage", runs: 1, refused: "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs := filepath.Join(t.TempDir(), "runs")
			t.Setenv("HELPER_RUNS", runs)
			t.Setenv("HELPER_EXPIRES", tc.expires)
			t.Setenv("HELPER_MODE", tc.mode)
			t.Setenv("HELPER_PASSWORD", password)
			server := startHTTP(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") })
			cache := open(t, source.Cache{Endpoint: server, Helpers: []source.Helper{{Path: self}}})
			for range 4 {
				_, err := read(cache, blobOf("x"))
				if tc.refused == "" && err != nil {
					t.Error(err)
				}
				if tc.refused != "" {
					wantRefusal(t, err, server, tc.refused)
				}
			}
			data, err := os.ReadFile(runs)
			if got := strings.Count(string(data), server+"\n"); err != nil || got != tc.runs {
				t.Errorf("got %d runs in %q, %v; want %d for %s", got, data, err, tc.runs, server)
			}
		})
	}
}

// TestHelperIsAskedAgain changes the password while the helper's last answer is still good by its own account.
func TestHelperIsAskedAgain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(t.TempDir(), "runs")
	t.Setenv("HELPER_RUNS", runs)
	accepted := "first"
	byHTTP := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); given != accepted {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "x")
	})
	byGRPC := startGRPC(t, "tcp", grpcServer{content: map[string]string{blobOf("x").Digest: "x"}, asked: func(ctx context.Context) error { return accept(ctx, accepted) },
		read: func(_ *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer) (bool, error) {
			err := accept(s.Context(), accepted)
			return err != nil, err
		}})
	for _, server := range []string{byHTTP, byGRPC} {
		accepted = "first"
		t.Setenv("HELPER_PASSWORD", "first")
		cache := open(t, source.Cache{Endpoint: server, Helpers: []source.Helper{{Path: self}}})
		if _, err := read(cache, blobOf("x")); err != nil {
			t.Errorf("%s: %v", server, err)
		}
		accepted = "second"
		t.Setenv("HELPER_PASSWORD", "second")
		if _, err := read(cache, blobOf("x")); err != nil {
			t.Errorf("%s: %v after the password changed", server, err)
		}
		accepted = "third"
		_, err := read(cache, blobOf("x"))
		wantRefusal(t, err, server, "it refuses the credentials of helper")
	}
	data, err := os.ReadFile(runs)
	if got := strings.Count(string(data), "\n"); err != nil || got != 6 {
		t.Errorf("got %d runs in %q, %v; want 6: two at first, two for each new password", got, data, err)
	}
}

func accept(ctx context.Context, password string) error {
	md, _ := metadata.FromIncomingContext(ctx)
	r := http.Request{Header: http.Header{"Authorization": md.Get("authorization")}}
	if _, given, _ := r.BasicAuth(); given != password {
		return status.Error(codes.Unauthenticated, "no")
	}
	return nil
}

// helper speaks https://github.com/EngFlow/credential-helper-spec.
func helper() int {
	var request struct{ URI string }
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if path := os.Getenv("HELPER_RUNS"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		fmt.Fprintln(f, request.URI)
		f.Close()
	}
	switch os.Getenv("HELPER_MODE") {
	case "fail":
		fmt.Print(password)
		fmt.Fprintln(os.Stderr, "no ticket")
		return 1
	case "garbage":
		fmt.Print(password)
		return 0
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, os.Getenv("HELPER_PASSWORD"))
	answer := map[string]any{"headers": r.Header}
	if expires := os.Getenv("HELPER_EXPIRES"); expires != "" {
		answer["expires"] = expires
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		return 1
	}
	return 0
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
