package bearer_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/bearer"
)

func TestEveryRequestHasTheTokenOfItsTime(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	client := http.Client{Transport: bearer.Transport{TokenFile: file}}
	for _, token := range []string{"first\n", "second"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if len(request.Header) != 0 {
			t.Errorf("the caller's request was changed: %v", request.Header)
		}
	}
	if diff := cmp.Diff([]string{"Bearer first", "Bearer second"}, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestNothingIsSentWithoutAToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	t.Cleanup(server.Close)
	client := http.Client{Transport: bearer.Transport{TokenFile: filepath.Join(t.TempDir(), "none")}}
	if _, err := client.Post(server.URL, "text/plain", strings.NewReader("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want one that says that the token's file does not exist", err)
	}
}
