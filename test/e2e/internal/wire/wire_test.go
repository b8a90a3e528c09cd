package wire_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

func TestDoReturnsWhateverIsAnswered(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, empty := r.Header["X-Empty"]
		if r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("X-Full") != "1" || empty {
			t.Errorf("headers: got %v", r.Header)
		}
		w.Header().Set("Content-Type", "text/odd")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+string(body))
	}))
	defer server.Close()
	got, err := wire.NewClient(server.URL).Do(t.Context(), wire.Request{
		Method: "PUT", Path: "/a?b=c", Body: "text", Token: "t", Header: map[string]string{"X-Full": "1", "X-Empty": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Response{Status: http.StatusTeapot, ContentType: "text/odd", Body: "PUT /a?b=c text"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

// A connection that was opened and then broke may have had its effect: the request must not be sent twice.
func TestDoSendsOnceWhenTheConnectionBreaks(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls++
		panic(http.ErrAbortHandler)
	}))
	_, err := wire.NewClient(server.URL).Do(t.Context(), wire.Request{Method: "POST", Path: "/"})
	server.Close()
	if err == nil || calls != 1 {
		t.Errorf("got error %v after %d calls, want an error after 1", err, calls)
	}
}

func TestDoStopsWaitingWithItsContext(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wire.NewClient(server.URL).Do(ctx, wire.Request{}); err == nil {
		t.Error("got no error")
	}
}

func TestStalledPostsOccupyTheServiceUntilClosed(t *testing.T) {
	const n = 5
	entered, left := make(chan string, n), make(chan error, n)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Timestamp")
		_, err := io.ReadAll(r.Body)
		left <- err
	}))
	defer server.Close()
	stalled, err := wire.NewClient(server.URL).Stall(t.Context(), n, "/signals", map[string]string{"X-Timestamp": "7"})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if got := <-entered; got != "POST /signals 7" {
			t.Errorf("request: got %q", got)
		}
	}
	if len(left) != 0 {
		t.Errorf("%d posts ended by themselves", len(left))
	}
	if err := stalled.Close(); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := <-left; err == nil {
			t.Error("a broken-off body was read without an error")
		}
	}
}
