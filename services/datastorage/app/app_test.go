package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/datastorage/app"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/postgrestest"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

const event = `{"version": "1.0", "event_type": "gateway.signal.received", "event_timestamp": "2026-01-31T12:00:00Z", "event_category": "gateway",
	"event_action": "receive", "event_outcome": "success", "correlation_id": "rr-1", "event_data": {}}`

// environment returns settings with a kubeconfig for an API server that lets the token "good" pass.
func environment(t *testing.T, extra map[string]string) (env map[string]string, base string) {
	t.Helper()
	reviews := reviewtest.Start(t)
	reviews.Token("good", "somebody")
	reviews.Grant(reviewtest.Permission{User: "somebody", Namespace: names.Namespace, Verb: "create", Service: names.DataStorageService}, true)
	port := freePort(t)
	env = map[string]string{"KUBECONFIG": reviews.Kubeconfig(t), "PORT": strconv.Itoa(port)}
	for key, value := range extra {
		env[key] = value
	}
	return env, fmt.Sprintf("http://127.0.0.1:%d", port)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func run(ctx context.Context, env map[string]string) error {
	lookup := func(key string) (string, bool) { value, found := env[key]; return value, found }
	return app.Run(ctx, settings.New(lookup), slog.New(slog.DiscardHandler))
}

// background starts the service; the returned function stops it and checks that it ends well.
func background(t *testing.T, env map[string]string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, env) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func get(path string) int { return send(http.MethodGet, path, "") }

// send returns the status, 0 when there is no answer.
func send(method, url, body string) int {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header.Set("Authorization", "Bearer good")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// await asks until the answer is the wanted one.
func await(t *testing.T, url string, want int) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for get(url) != want {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %d, want %d", url, get(url), want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestDatabaseGoesAndComes(t *testing.T) {
	server := postgrestest.Start(t)
	env, base := environment(t, map[string]string{"DATABASE_URL": server.Database()})
	server.Stop()
	stop := background(t, env)
	await(t, base+"/health/live", http.StatusOK)
	steps := func(ready, stored int) {
		t.Helper()
		await(t, base+"/health/ready", ready)
		if got := get(base + "/health/live"); got != http.StatusOK {
			t.Errorf("/health/live: %d, want 200", got)
		}
		if got := send(http.MethodPost, base+"/api/v1/audit/events", event); got != stored {
			t.Errorf("POST of an event: %d, want %d", got, stored)
		}
	}
	steps(http.StatusServiceUnavailable, http.StatusServiceUnavailable)
	server.Resume()
	steps(http.StatusOK, http.StatusCreated)
	server.Stop()
	steps(http.StatusServiceUnavailable, http.StatusServiceUnavailable)
	server.Resume()
	steps(http.StatusOK, http.StatusCreated)
	stop()
}

func TestDatabaseComesBackEmpty(t *testing.T) {
	database := postgrestest.Start(t).Database()
	env, base := environment(t, map[string]string{"DATABASE_URL": database})
	stop := background(t, env)
	await(t, base+"/health/ready", http.StatusOK)
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	if got := get(base + "/health/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/health/ready without the schema: %d, want 503", got)
	}
	await(t, base+"/health/ready", http.StatusOK)
	if got := send(http.MethodPost, base+"/api/v1/audit/events", event); got != http.StatusCreated {
		t.Errorf("POST of an event: %d, want 201", got)
	}
	stop()
}

func TestSQLiteFileOutlivesTheProcess(t *testing.T) {
	env, base := environment(t, map[string]string{"DATA_DIR": t.TempDir()})
	stop := background(t, env)
	await(t, base+"/health/ready", http.StatusOK)
	workflow := base + "/api/v1/audit/remediation-requests/rr-1/reconstruct"
	if got := send(http.MethodPost, workflow, ""); got != http.StatusNotFound {
		t.Errorf("reconstruct before: %d, want 404", got)
	}
	if got := send(http.MethodPost, base+"/api/v1/audit/events", event); got != http.StatusCreated {
		t.Fatalf("POST of an event: %d, want 201", got)
	}
	stop()
	stop = background(t, env)
	await(t, base+"/health/ready", http.StatusOK)
	if got := send(http.MethodPost, workflow, ""); got != http.StatusOK {
		t.Errorf("reconstruct after a restart: %d, want 200", got)
	}
	stop()
}

func TestRunRefusesMissingPermission(t *testing.T) {
	reviews := reviewtest.Start(t)
	reviews.Deny(authorizationv1.ResourceAttributes{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"})
	env, _ := environment(t, map[string]string{"KUBECONFIG": reviews.Kubeconfig(t)})
	const want = "this pod's ServiceAccount may not create tokenreviews.authentication.k8s.io in the cluster; add the verbs to its Role"
	if got := fmt.Sprint(run(t.Context(), env)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStartsWithoutTheAPIServer(t *testing.T) {
	reviews := reviewtest.Start(t)
	reviews.Fail("selfsubjectaccessreviews")
	env, base := environment(t, map[string]string{"KUBECONFIG": reviews.Kubeconfig(t)})
	stop := background(t, env)
	await(t, base+"/health/live", http.StatusOK)
	await(t, base+"/health/ready", http.StatusServiceUnavailable)
	reviews.Fail("")
	await(t, base+"/health/ready", http.StatusOK)
	stop()
}

func TestRunRefusesSettings(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"port", map[string]string{"PORT": "0"}, `PORT must be a whole number from 1 to 65535, got "0"`},
		{"all at once", map[string]string{"PORT": "x", "SHUTDOWN_TIMEOUT": "-1s"},
			"PORT must be a whole number from 1 to 65535, got \"x\"\nSHUTDOWN_TIMEOUT must be a duration such as 30s, got \"-1s\""},
		{"data folder", map[string]string{"DATA_DIR": "/dev/null"}, `DATA_DIR must be a folder that exists, got "/dev/null"`},
		{"database", map[string]string{"DATABASE_URL": "postgres://u:hunter2@h:port/d"}, "DATABASE_URL must be postgres://user@host:port/database or key=value pairs"},
		{"kubeconfig", map[string]string{"KUBECONFIG": "/nonexistent"},
			`loading Kubernetes configuration "/nonexistent": stat /nonexistent: no such file or directory`},
	} {
		t.Run(test.name, func(t *testing.T) {
			env, _ := environment(t, test.env)
			if diff := cmp.Diff(test.want, fmt.Sprint(run(t.Context(), env))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
