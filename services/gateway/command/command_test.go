package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/gateway/config"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

func TestMainReturnsExitCodes(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "") // also where the tests themselves run in a pod
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("server: {port: 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"version":      {[]string{"-version"}, 0, "gateway ", ""},
		"help":         {[]string{"-h"}, 0, "", "-config"},
		"unknown flag": {[]string{"-port=1"}, 2, "", "-port"},
		"argument":     {[]string{"start"}, 2, "", `unexpected argument "start"`},
		"bad file":     {[]string{"-config=" + bad}, 1, "", ""},
		"no cluster":   {nil, 1, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(test.args, &stdout, &stderr, func(string) (string, bool) { return "", false })
			if code != test.code {
				t.Errorf("exit code: got %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got stdout %q and stderr %q, want %q and %q in them", &stdout, &stderr, test.stdout, test.stderr)
			}
		})
	}
}

// The Kubernetes API is a port that nobody listens on: alive, not ready, and a signal is told to come back.
func TestRunWithoutAnAnsweringAPI(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	content := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}],
		clusters: [{name: c, cluster: {server: 'http://` + freeAddress(t) + `'}}]}`
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Server.ListenAddr = freeAddress(t)
	cfg.Server.DrainDelay = metav1.Duration{Duration: time.Millisecond}
	cfg.DataStorage.URL = "http://" + freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- run(ctx, cfg, kubeconfig, slog.New(slog.DiscardHandler)) }()

	for path, want := range map[string]int{"/health": 200, "/ready": 503, "/metrics": 200, "/nowhere": 404} {
		if got := get(t, "http://"+cfg.Server.ListenAddr+path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("stopping: got %v, want no error", err)
	}
}

func TestRunRefusesMissingPermission(t *testing.T) {
	reviews := reviewtest.Start(t)
	reviews.Deny(authorizationv1.ResourceAttributes{
		Namespace: names.Namespace, Verb: "patch", Group: names.APIGroup, Resource: "remediationrequests", Subresource: "status",
	})
	const want = "this pod's ServiceAccount may not patch remediationrequests.kubernaut.ai/status in kubernaut-system; add the verbs to its Role"
	if got := fmt.Sprint(run(t.Context(), config.Default(), reviews.Kubeconfig(t), slog.New(slog.DiscardHandler))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(url)
		if err == nil {
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
