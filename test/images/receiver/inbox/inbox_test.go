package inbox_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

func start(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(inbox.New(dir, func() time.Time { return time.Unix(100, 0) }))
	t.Cleanup(server.Close)
	return server
}

// do sends a request and returns the answer; an empty body makes it a GET.
func do(t *testing.T, url, body string) (*http.Response, string) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestPrograms(t *testing.T) {
	server := start(t, "")
	for name, test := range map[string]struct {
		program string
		want    []int
	}{
		"none":   {"", []int{200, 200}},
		"once":   {`{"path": "/PATH", "statuses": [503, 429]}`, []int{503, 429, 200, 200}},
		"repeat": {`{"path": "/PATH", "statuses": [500, 501], "repeat": true}`, []int{500, 501, 500}},
		"empty":  {`{"path": "/PATH", "statuses": [], "repeat": true}`, []int{200}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.program != "" {
				if response, text := do(t, server.URL+"/program", strings.ReplaceAll(test.program, "PATH", name)); response.StatusCode != http.StatusOK {
					t.Fatalf("got %d %s", response.StatusCode, text)
				}
			}
			var got []int
			for range test.want {
				response, _ := do(t, server.URL+"/"+name, "x")
				got = append(got, response.StatusCode)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramsHeader(t *testing.T) {
	server := start(t, "")
	do(t, server.URL+"/program", `{"path": "/a", "statuses": [503], "header": {"Retry-After": "3"}}`)
	if response, _ := do(t, server.URL+"/a", "x"); response.Header.Get("Retry-After") != "3" {
		t.Errorf("got header %v, want Retry-After", response.Header)
	}
}

func TestBadProgramsAreRefused(t *testing.T) {
	server := start(t, "")
	for _, program := range []string{"{", `{"statuses": [200]}`, `{"path": "/a", "statuses": [99]}`, `{"path": "/a", "status": 1}`} {
		if response, _ := do(t, server.URL+"/program", program); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", program, response.StatusCode)
		}
	}
}

func TestRequestsAreRemembered(t *testing.T) {
	server := start(t, "")
	do(t, server.URL+"/a", "one")
	do(t, server.URL+"/b", "two")
	do(t, server.URL+"/a?x=y", "three")
	for query, want := range map[string][]string{"": {"/a one", "/b two", "/a three"}, "?path=/a": {"/a one", "/a three"}, "?path=/c": nil} {
		var list []inbox.Request
		_, text := do(t, server.URL+"/requests"+query, "")
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, request := range list {
			got = append(got, request.Path+" "+request.Body)
			if !request.Time.Equal(time.Unix(100, 0)) || request.TLS {
				t.Errorf("got %+v, want the clock's time and no TLS", request)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "a.json"), []byte("{}"), 0o600), os.Mkdir(filepath.Join(dir, "sub"), 0o700)); err != nil {
		t.Fatal(err)
	}
	server := start(t, dir)
	_, text := do(t, server.URL+"/files/", "")
	var got []inbox.FileInfo
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]inbox.FileInfo{{Name: "a.json", Size: 2, Mode: "-rw-------"}}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, text := do(t, server.URL+"/files/a.json", ""); text != "{}" {
		t.Errorf("got %q, want the file", text)
	}
	if response, _ := do(t, start(t, "").URL+"/files/", ""); response.StatusCode == http.StatusOK {
		t.Error("without a folder: got 200")
	}
}

// The certificate fits the Service's name, and yet nobody trusts it.
func TestCertificate(t *testing.T) {
	certificate, err := inbox.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(inbox.New("", time.Now))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	_, err = tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{ServerName: inbox.Service})
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &untrusted) {
		t.Errorf("got error %v, want that the certificate is not trusted", err)
	}
}
