package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/postgrestest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const (
	caller = "system:serviceaccount:kubernaut-system:gateway"
	token  = "a-good-token"
)

// service is a whole datastorage behind a loopback listener: real store, real guard, an API server that answers reviews.
type service struct {
	t       *testing.T
	url     string
	reviews *reviewtest.Server
	token   string
}

// onEachDatabase runs a test against every kind of database, each time with an empty one and a caller who is allowed.
func onEachDatabase(t *testing.T, test func(t *testing.T, s service)) {
	t.Helper()
	for _, database := range []struct {
		name string
		open func(t *testing.T) store.Config
	}{
		{"sqlite", func(*testing.T) store.Config { return store.Config{} }},
		{"postgres", func(t *testing.T) store.Config { return store.Config{DatabaseURL: postgrestest.Start(t).Database()} }},
	} {
		t.Run(database.name, func(t *testing.T) { test(t, start(t, database.open(t))) })
	}
}

func start(t *testing.T, cfg store.Config) service {
	t.Helper()
	records, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	if err := records.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	reviews := reviewtest.Start(t)
	reviews.Token(token, caller)
	reviews.Grant(permission(), true)
	guard, err := auth.New(reviews.Config(), auth.Config{Namespace: names.Namespace, Service: names.DataStorageService})
	if err != nil {
		t.Fatal(err)
	}
	serving := config()
	serving.Checks = map[string]httpserver.Check{"database": records.Ready}
	server := httpserver.New(serving)
	api.New(records, records, time.Now).Register(server, guard.Wrap)
	listener := httptest.NewServer(openapitest.Read(t, api.Description()).Watch(t, server.Handler()))
	t.Cleanup(listener.Close)
	return service{t: t, url: listener.URL, reviews: reviews, token: token}
}

func config() httpserver.Config {
	return httpserver.Config{
		Name: names.DataStorage, LivePaths: []string{"/health", "/health/live"}, ReadyPaths: []string{"/health/ready"}, MaxBody: api.MaxBatchBody,
	}
}

func permission() reviewtest.Permission {
	return reviewtest.Permission{User: caller, Namespace: names.Namespace, Verb: "create", Service: names.DataStorageService}
}

// call sends a request with a JSON body ("" for none) and returns the status and the answer's body.
func (s service) call(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode >= 400 && response.Header.Get("Content-Type") != problem.ContentType {
		s.t.Errorf("%s %s: %d with Content-Type %q, want a problem", method, path, response.StatusCode, response.Header.Get("Content-Type"))
	}
	return response.StatusCode, string(answer)
}

// want calls, checks the status and decodes the answer into target, unless that is nil.
func (s service) want(status int, target any, method, path, body string, headers ...string) {
	s.t.Helper()
	got, answer := s.call(method, path, body, headers...)
	if got != status {
		s.t.Fatalf("%s %s: status %d, want %d; answer %s", method, path, got, status, answer)
	}
	if target == nil {
		return
	}
	if err := json.Unmarshal([]byte(answer), target); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
}

// edit returns a JSON object with some fields replaced; a nil value removes the field.
func edit(object string, fields map[string]any) string {
	var decoded map[string]any
	if err := json.Unmarshal([]byte(object), &decoded); err != nil {
		panic(err)
	}
	for name, value := range fields {
		if value == nil {
			delete(decoded, name)
		} else {
			decoded[name] = value
		}
	}
	encoded, err := json.Marshal(decoded)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
