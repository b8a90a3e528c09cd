package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// The test program is its own credential helper.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "get" {
		os.Exit(helper())
	}
	os.Exit(m.Run())
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
