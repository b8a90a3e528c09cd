package bazelremote_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/certificates"
)

func TestServer(t *testing.T) {
	content := []byte(strings.Repeat("layer", 1<<20))
	hash := fmt.Sprintf("%x", sha256.Sum256(content))
	dir := t.TempDir()
	files, err := certificates.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	htpasswd := filepath.Join(dir, "htpasswd")
	if err := bazelremote.WriteHtpasswd(htpasswd, "ci", "hunter2"); err != nil {
		t.Fatal(err)
	}
	secure := bazelremote.Options{Certificate: files.Server, Key: files.ServerKey}
	mutual := secure
	mutual.ClientCA = files.CA
	for _, tc := range []struct {
		name           string
		options        bazelremote.Options
		certificate    bool
		user, password string
		scheme         string
		refused        bool
	}{
		{name: "open", scheme: "http"},
		{name: "uncompressed", options: bazelremote.Options{Storage: "uncompressed"}, scheme: "http"},
		{name: "password", options: bazelremote.Options{Htpasswd: htpasswd}, user: "ci", password: "hunter2", scheme: "http"},
		{name: "wrong password", options: bazelremote.Options{Htpasswd: htpasswd}, user: "ci", password: "hunter3", scheme: "http", refused: true},
		{name: "TLS", options: secure, scheme: "https"},
		{name: "client certificate", options: mutual, certificate: true, scheme: "https"},
		{name: "no client certificate", options: mutual, scheme: "https", refused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, err := bazelremote.Start(tc.options)
			if err != nil {
				t.Fatal(err)
			}
			client := clientTLS(t, files, tc.certificate)
			status, err := put(server.HTTP+"/cas/"+hash, content, client, tc.user, tc.password)
			if want := map[bool]int{false: 200, true: 401}[tc.refused]; err != nil || status != want {
				t.Errorf("got %d, %v for PUT by HTTP, want %d", status, err, want)
			}
			for _, name := range []string{"blobs", "compressed-blobs/zstd"} {
				got, err := readGRPC(t, server.GRPC, fmt.Sprintf("%s/%s/%d", name, hash, len(content)), client, tc.user, tc.password)
				if tc.refused == (err == nil) {
					t.Errorf("got %v for Read of %s by gRPC, want refused = %t", err, name, tc.refused)
				}
				if err == nil && !bytes.Equal(got, content) {
					t.Errorf("got %d other bytes for Read of %s, want %d", len(got), name, len(content))
				}
			}
			if diff := cmp.Diff(map[string]int{"PUT /cas": 1, "google.bytestream.ByteStream/Read": 2}, server.Counts().Requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if got := server.Counts(); !tc.refused && (got.Received < int64(len(content)) || got.Sent < int64(len(content))) {
				t.Errorf("got %+v, want at least %d bytes each way", got, len(content))
			}
			if !strings.HasPrefix(server.HTTP, tc.scheme+"://127.0.0.1:") {
				t.Errorf("got endpoint %s, want one of %s", server.HTTP, tc.scheme)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(server.Dir); err == nil {
				t.Errorf("%s is still there", server.Dir)
			}
		})
	}
}

func TestDirStays(t *testing.T) {
	dir := t.TempDir()
	for i, method := range []string{http.MethodPut, http.MethodGet} {
		server, err := bazelremote.Start(bazelremote.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(method, server.HTTP+fmt.Sprintf("/cas/%x", sha256.Sum256([]byte("x"))), strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("server %d: got %v, %v for %s", i, resp, err, method)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	for name, o := range map[string]bazelremote.Options{
		"storage":     {Storage: "gzip"},
		"key alone":   {Key: "key.pem"},
		"no file":     {Certificate: "absent.pem", Key: "absent.key"},
		"HTTP port":   {HTTP: "127.0.0.1:notaport"},
		"gRPC port":   {GRPC: "127.0.0.1:notaport"},
		"clients' CA": {ClientCA: "ca.pem"},
	} {
		if server, err := bazelremote.Start(o); err == nil {
			t.Errorf("%s: got a server at %s", name, server.GRPC)
		}
	}
}

func clientTLS(t *testing.T, c certificates.Files, certificate bool) *tls.Config {
	t.Helper()
	data, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(data)
	if certificate {
		pair, err := tls.LoadX509KeyPair(c.Client, c.ClientKey)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func put(url string, content []byte, config *tls.Config, user, password string) (int, error) {
	req, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func readGRPC(t *testing.T, endpoint, resource string, config *tls.Config, user, password string) ([]byte, error) {
	t.Helper()
	scheme, address, _ := strings.Cut(endpoint, "://")
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if scheme == "grpcs" {
		options[0] = grpc.WithTransportCredentials(credentials.NewTLS(config))
	}
	if user != "" { // as Bazel sends what --remote_cache holds before the @
		options = append(options, grpc.WithAuthority(user+":"+password+"@"+address))
	}
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := bytestream.NewByteStreamClient(conn).Read(t.Context(), &bytestream.ReadRequest{ResourceName: resource})
	if err != nil {
		return nil, err
	}
	var data []byte
	for {
		chunk, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		data = append(data, chunk.Data...)
	}
	if !strings.HasPrefix(resource, "compressed") {
		return data, nil
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	return decoder.DecodeAll(data, nil)
}

// What a disk cache of Bazel's has, the server has too, and it keeps what it is given to itself.
func TestUpstream(t *testing.T) {
	content, own := []byte(strings.Repeat("layer", 1<<10)), []byte("given")
	hash, ownHash := fmt.Sprintf("%x", sha256.Sum256(content)), fmt.Sprintf("%x", sha256.Sum256(own))
	dir := t.TempDir()
	for kind, data := range map[string][]byte{"cas": content} {
		path := filepath.Join(dir, kind, hash[:2], hash)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := bazelremote.Start(bazelremote.Options{Upstream: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	get := func(path string) (int, string) {
		resp, err := http.Get(server.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(data)
	}
	if status, got := get("/cas/" + hash); status != http.StatusOK || got != string(content) {
		t.Errorf("blob of the disk cache: %d and %d bytes", status, len(got))
	}
	if status, _ := get("/cas/" + ownHash); status != http.StatusNotFound {
		t.Errorf("blob that nobody has: %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.HTTP+"/cas/"+ownHash, bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("putting: %v, %v", resp, err)
	}
	resp.Body.Close()
	if status, got := get("/cas/" + ownHash); status != http.StatusOK || got != string(own) {
		t.Errorf("blob that it was given: %d, %q", status, got)
	}
	if _, err := os.Stat(filepath.Join(dir, "cas", ownHash[:2], ownHash)); err == nil {
		t.Error("the disk cache has what the server was given")
	}
}
