package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func example(cfg httpserver.Config) *httpserver.Server {
	cfg.Name, cfg.Logger = "example", quiet()
	s := httpserver.New(cfg)
	s.HandleFunc("POST /things", func(w http.ResponseWriter, r *http.Request) error {
		var body struct {
			Name  string `json:"name"`
			Count int    `json:"count"`
		}
		if err := httpserver.DecodeStrict(r, &body); err != nil {
			return err
		}
		httpserver.WriteJSON(w, http.StatusCreated, body)
		return nil
	})
	s.HandleFunc("POST /others", func(w http.ResponseWriter, r *http.Request) error {
		var body struct {
			Name string `json:"name"`
		}
		if err := httpserver.Decode(r, &body); err != nil {
			return err
		}
		httpserver.WriteJSON(w, http.StatusCreated, body)
		return nil
	})
	s.HandleFunc("GET /fails", func(http.ResponseWriter, *http.Request) error { return errors.New("the secret cause") })
	s.HandleFunc("GET /refuses", func(http.ResponseWriter, *http.Request) error {
		return errors.Join(errors.New("x"), problem.New(http.StatusConflict, "taken"))
	})
	s.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) error { panic("the secret cause") })
	return s
}

func TestAnswers(t *testing.T) {
	handler := example(httpserver.Config{
		MaxBody: 64, Checks: map[string]httpserver.Check{"part": func(context.Context) error { return errors.New("the secret cause") }},
	}).Handler()
	for _, test := range []struct {
		method, path, body, contentType string
		status                          int
		kind, allow                     string
	}{
		{"POST", "/others", `{"name": "a", "surprise": 1}`, "application/json", 201, "", ""},
		{"POST", "/others", `{"name": 1}`, "application/json", 400, problem.KindValidation, ""},
		{"POST", "/others", `{"name": "a"}`, "text/plain", 415, problem.KindUnsupportedType, ""},
		{"POST", "/things", `{"name": "a", "count": 1}`, "application/json", 201, "", ""},
		{"POST", "/things", `{"name": "a"}`, "application/json; charset=ISO-8859-1", 201, "", ""},
		{"POST", "/things", `{"name": "a"}`, "", 201, "", ""},
		{"POST", "/things", `{"name": "a"}`, "text/plain", 415, problem.KindUnsupportedType, ""},
		{"POST", "/things", `{"name": `, "application/json", 400, problem.KindValidation, ""},
		{"POST", "/things", `{"nam": "a"}`, "application/json", 400, problem.KindValidation, ""},
		{"POST", "/things", `{} {}`, "application/json", 400, problem.KindValidation, ""},
		{"POST", "/things", ``, "application/json", 400, problem.KindValidation, ""},
		{"POST", "/things", `{"name": "` + strings.Repeat("a", 64) + `"}`, "application/json", 413, problem.KindTooLarge, ""},
		{"PUT", "/things", `{}`, "application/json", 405, problem.KindMethod, "POST"},
		{"DELETE", "/health", ``, "", 405, problem.KindMethod, "GET, HEAD"},
		{"GET", "/none", ``, "", 404, problem.KindNotFound, ""},
		{"GET", "/fails", ``, "", 500, problem.KindInternal, ""},
		{"GET", "/panics", ``, "", 500, problem.KindInternal, ""},
		{"GET", "/refuses", ``, "", 409, problem.KindConflict, ""},
		{"GET", "/ready", ``, "", 503, problem.KindUnavailable, ""},
		{"GET", "/health", ``, "", 200, "", ""},
		{"GET", "/metrics", ``, "", 200, "", ""},
	} {
		t.Run(test.method+test.path+test.body, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.contentType)
			w := serve(handler, r)
			if w.Code != test.status || w.Header().Get("Allow") != test.allow {
				t.Fatalf("status %d, Allow %q; want %d, %q; body %s", w.Code, w.Header().Get("Allow"), test.status, test.allow, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the body tells the cause: %s", w.Body)
			}
			if test.kind == "" {
				return
			}
			var got problem.Details
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			want := problem.Details{Type: problem.BaseURI + test.kind, Title: got.Title, Status: test.status, Detail: got.Detail,
				Instance: test.path, FieldErrors: got.FieldErrors}
			if diff := cmp.Diff(want, got); diff != "" || got.Title == "" || got.Detail == "" || w.Header().Get("Content-Type") != problem.ContentType {
				t.Errorf("content type %q, problem (-want +got):\n%s", w.Header().Get("Content-Type"), diff)
			}
		})
	}
}

func TestUnmarshalNamesTheField(t *testing.T) {
	type Inner struct {
		Number int `json:"number"`
	}
	type target struct {
		Inner
		Name string           `json:"name"`
		List []string         `json:"list"`
		Deep struct{ X bool } `json:"deep"`
	}
	for body, want := range map[string]map[string]string{
		`{"name": 5}`:       {"name": "must be a string, got number"},
		`{"list": {}}`:      {"list": "must be a list, got object"},
		`{"deep": []}`:      {"deep": "must be an object, got array"},
		`{"number": "5"}`:   {"number": "must be a whole number, got string"},
		`{"surprise": "5"}`: {"surprise": "unknown field"},
	} {
		var details *problem.Details
		if err := httpserver.Unmarshal([]byte(body), &target{}, true); !errors.As(err, &details) {
			t.Errorf("%s: %v, want a problem", body, err)
			continue
		}
		if diff := cmp.Diff(want, details.FieldErrors); diff != "" {
			t.Errorf("%s: field_errors (-want +got):\n%s", body, diff)
		}
	}
}

func TestRequestMetricsHaveBoundedLabels(t *testing.T) {
	s := example(httpserver.Config{})
	for _, path := range []string{"/a", "/b", "/c"} {
		serve(s.Handler(), httptest.NewRequest("BREW", path, nil))
	}
	serve(s.Handler(), httptest.NewRequest(http.MethodGet, "/refuses", nil))
	metrics := serve(s.Handler(), httptest.NewRequest(http.MethodGet, "/metrics", nil)).Body.String()
	for _, want := range []string{
		`kubernaut_http_request_duration_seconds_count{method="other",route="none",status="404"} 3`,
		`kubernaut_http_request_duration_seconds_count{method="GET",route="GET /refuses",status="409"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}
}

func TestLimit(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	handler := httpserver.Limit(1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-leave }))
	var group sync.WaitGroup
	group.Go(func() { serve(handler, httptest.NewRequest(http.MethodGet, "/", nil)) })
	<-inside
	w := serve(handler, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != problem.ContentType {
		t.Errorf("status %d, headers %v; want a 503 problem with Retry-After", w.Code, w.Header())
	}
	close(leave)
	group.Wait()
}

// Readiness turns to 503 while the listener still takes new connections, and a request under way is answered.
func TestShutdownDrains(t *testing.T) {
	s := httpserver.New(httpserver.Config{Name: "example", Logger: quiet(), DrainDelay: 2 * time.Second, ShutdownTimeout: 10 * time.Second})
	inside, leave := make(chan struct{}), make(chan struct{})
	s.Handle("GET /slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-leave
		_, _ = io.WriteString(w, "done")
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	base := "http://" + listener.Addr().String()
	if got := status(t, base+"/ready"); got != http.StatusOK {
		t.Fatalf("/ready before: %d", got)
	}
	slow := make(chan string, 1)
	go func() { slow <- fetch(base + "/slow") }()
	<-inside
	cancel()
	for !s.Stopping() {
		time.Sleep(time.Millisecond)
	}
	if got := status(t, base+"/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/ready while stopping: %d, want 503", got)
	}
	if got := status(t, base+"/health"); got != http.StatusOK {
		t.Errorf("/health while stopping: %d, want 200", got)
	}
	close(leave)
	if diff := cmp.Diff("done", <-slow); diff != "" {
		t.Errorf("the request under way (-want +got):\n%s", diff)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestRunNamesTheAddress(t *testing.T) {
	s := httpserver.New(httpserver.Config{Name: "example", Addr: "127.0.0.1:99999", Logger: quiet()})
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "listening for example") || !strings.Contains(err.Error(), "99999") {
		t.Errorf("Run: %v, want an error that names service and port", err)
	}
}

func fetch(url string) string {
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return err.Error()
	}
	return body.String()
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
