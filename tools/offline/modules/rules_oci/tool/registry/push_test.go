package registry_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/registry"
)

// server is a registry in memory. With a user it asks for a bearer token, which it gives for that user's password.
type server struct {
	*httptest.Server
	user, password string
	location       string // of uploads

	mu        sync.Mutex
	content   map[string]string // path below /v2/team/app → content
	uploads   int
	bytesSent int
	denied    int // status of every request but HEAD, when set
}

func start(t *testing.T) *server {
	t.Helper()
	s := &server{content: map[string]string{}, location: "/v2/team/app/blobs/uploads/1?state=a%2Fb"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v2/team/app")
	switch {
	case s.denied != 0 && r.Method != http.MethodHead: // an answer to HEAD has no body
		http.Error(w, `{"errors":[{"code":"DENIED"}]}`, s.denied)
	case r.URL.Path == "/token":
		s.token(w, r)
	case s.user != "" && r.Header.Get("Authorization") != "Bearer secret":
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="it's, \here"`, s.URL))
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodHead:
		if _, found := s.content[path]; !found {
			w.WriteHeader(http.StatusNotFound)
		}
	case r.Method == http.MethodPost:
		s.uploads++
		w.Header().Set("Location", s.location)
		w.WriteHeader(http.StatusAccepted)
	default:
		s.put(w, r, path)
	}
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != s.user || password != s.password || r.FormValue("scope") != "repository:team/app:push,pull" {
		http.Error(w, "who are you?", http.StatusForbidden)
		return
	}
	fmt.Fprint(w, `{"token":"secret"}`)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, path string) {
	data, err := io.ReadAll(r.Body)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	if upload := strings.HasPrefix(path, "/blobs/uploads/"); upload {
		if r.FormValue("state") != "a/b" || r.FormValue("digest") != digest {
			http.Error(w, "not the blob that was announced", http.StatusBadRequest)
			return
		}
		path = "/blobs/" + digest
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.bytesSent += len(data)
	s.content[path] = string(data)
	w.WriteHeader(http.StatusCreated)
}

func pusher(t *testing.T, s *server) *registry.Pusher {
	t.Helper()
	repository, err := registry.ParseRepository(strings.TrimPrefix(s.URL, "http://") + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	client := &registry.Client{HTTP: s.Client(), Repository: repository, PlainHTTP: repository.Loopback()}
	return &registry.Pusher{Client: client, Log: t.Logf}
}

func TestPush(t *testing.T) {
	s := start(t)
	dir, want := image(t)
	digest, err := pusher(t, s).Push(t.Context(), dir, []string{"latest", "v1"})
	if err != nil {
		t.Fatal(err)
	}
	want["/manifests/latest"], want["/manifests/v1"] = want["/manifests/"+digest], want["/manifests/"+digest]
	if diff := cmp.Diff(want, s.content); diff != "" {
		t.Errorf("registry: -want +got:\n%s", diff)
	}

	sent := s.bytesSent
	if _, err := pusher(t, s).Push(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if s.bytesSent != sent {
		t.Errorf("second push sent %d bytes, want 0", s.bytesSent-sent)
	}
}

// The query of an upload's location is a credential where the blob store wants a signature.
func TestPushErrorsNameNoSignature(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	s := start(t)
	s.location = gone.URL + "/store/1?signature=hunter2"
	dir, _ := image(t)
	_, err := pusher(t, s).Push(t.Context(), dir, nil)
	if err == nil || !strings.Contains(err.Error(), gone.URL+"/store/1") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Push() = %v, want an error that names the store without the signature", err)
	}
}

func TestPushSendsOnlyMissingBlobs(t *testing.T) {
	s := start(t)
	dir, want := image(t)
	for path, content := range want {
		if strings.HasPrefix(path, "/blobs/") && content != "" {
			s.content[path] = content
		}
	}
	if _, err := pusher(t, s).Push(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if s.uploads != 1 { // the empty layer
		t.Errorf("%d uploads, want 1", s.uploads)
	}
	if diff := cmp.Diff(want, s.content); diff != "" {
		t.Errorf("registry: -want +got:\n%s", diff)
	}
}

func TestPushWithToken(t *testing.T) {
	s := start(t)
	s.user, s.password = "me", "pa:ss"
	dir, want := image(t)

	p := pusher(t, s)
	if _, err := p.Push(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "403 Forbidden: who are you?") {
		t.Errorf("anonymous push: %v, want 403", err)
	}
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, p.Client.Repository.Host, base64.StdEncoding.EncodeToString([]byte("me:pa:ss")))
	var err error
	p.Client.Credentials, err = registry.LookUp(t.Context(), []string{"/missing.json", file(t, config)}, p.Client.Repository.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Push(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.content); diff != "" {
		t.Errorf("registry: -want +got:\n%s", diff)
	}
	if text := fmt.Sprintf("%v %+v", p.Client.Credentials, p.Client.Credentials); strings.Contains(text, "pa:ss") {
		t.Errorf("printed credentials show the password: %s", text)
	}
}

func TestPushRefused(t *testing.T) {
	s := start(t)
	s.denied = http.StatusForbidden
	dir, _ := image(t)
	_, err := pusher(t, s).Push(t.Context(), dir, nil)
	if err == nil || !strings.Contains(err.Error(), `403 Forbidden: {"errors":[{"code":"DENIED"}]}`) {
		t.Errorf("Push() = %v, want the registry's explanation", err)
	}
	if _, err := pusher(t, s).Push(t.Context(), dir, []string{"a b"}); err == nil || !strings.Contains(err.Error(), `parsing tag "a b"`) {
		t.Errorf("Push() = %v, want an error on the tag", err)
	}
	if _, err := pusher(t, s).Push(t.Context(), layout.Dir(t.TempDir()), nil); err == nil {
		t.Error("Push() of an empty directory: want an error")
	}
}

func TestCredentialHelper(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\nread host\n[ \"$host\" = known.example ] || { echo 'credentials not found in native keychain'; exit 1; }\n" +
		`echo '{"Username":"<token>","Secret":"t0k"}'` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	tests := []struct {
		config, host string
		want         registry.Credentials
	}{
		{`{"credHelpers":{"known.example":"test"}}`, "known.example", registry.Credentials{IdentityToken: "t0k"}},
		{`{"credsStore":"test"}`, "known.example", registry.Credentials{IdentityToken: "t0k"}},
		{`{"credsStore":"test"}`, "other.example", registry.Credentials{}},
		{`{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}`, "index.docker.io", registry.Credentials{Username: "u", Password: "p"}},
	}
	for _, test := range tests {
		got, err := registry.LookUp(context.Background(), []string{file(t, test.config)}, test.host)
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("LookUp(%s, %s): not the credentials of the test", test.config, test.host)
		}
	}
}

func TestParseRepository(t *testing.T) {
	tests := []struct {
		text, host, name string
		loopback         bool
	}{
		{"localhost:5000/a/b", "localhost:5000", "a/b", true},
		{"127.0.0.1:5000/a", "127.0.0.1:5000", "a", true},
		{"[::1]:5000/a", "[::1]:5000", "a", true},
		{"ghcr.io/team/app", "ghcr.io", "team/app", false},
		{"10.0.0.1:5000/a", "10.0.0.1:5000", "a", false},
		{"ubuntu", "index.docker.io", "library/ubuntu", false},
		{"docker.io/me/app", "index.docker.io", "me/app", false},
	}
	for _, test := range tests {
		got, err := registry.ParseRepository(test.text)
		want := registry.Repository{Host: test.host, Name: test.name}
		if err != nil || got != want || got.Loopback() != test.loopback {
			t.Errorf("ParseRepository(%q) = %v, %v, loopback %v", test.text, got, err, got.Loopback())
		}
	}
	for _, text := range []string{"", "localhost:5000/", "ghcr.io/a:tag", "ghcr.io/A", "ghcr.io/a@sha256:00", "ghcr.io//a"} {
		if got, err := registry.ParseRepository(text); err == nil {
			t.Errorf("ParseRepository(%q) = %v, want an error", text, got)
		}
	}
}

// image makes an index of one image with two layers, one of them empty, and says what a registry then holds.
func image(t *testing.T) (layout.Dir, map[string]string) {
	t.Helper()
	dir, want := layout.Dir(t.TempDir()), map[string]string{}
	put := func(kind, mediaType, content string) *ordered.Object {
		digest, err := dir.Put([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		want["/"+kind+"/"+digest] = content
		return ordered.New("mediaType", mediaType, "digest", digest, "size", int64(len(content)))
	}
	manifest := put("manifests", layout.ManifestType, string(ordered.Marshal(ordered.New(
		"config", put("blobs", layout.ConfigType, "{}"),
		"layers", []any{put("blobs", "layer", "content"), put("blobs", "layer", "")},
	))))
	index := put("manifests", layout.IndexType, string(ordered.Marshal(ordered.New("manifests", []any{manifest}))))
	if err := dir.WriteIndex(ordered.Marshal(ordered.New("manifests", []any{index})), nil); err != nil {
		t.Fatal(err)
	}
	return dir, want
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
