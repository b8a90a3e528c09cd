package cli

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/test/certificates"
	"github.com/kubernaut/kubernaut/test/distribution"
)

// privateHost is a name, and reached by a proxy: slipway speaks plain HTTP to loopback.
const privateHost = "registry.example"

// TestDistribution runs scripts beside a real registry with a login and a certificate of its own authority. What they set is what a user
// has: SSL_CERT_FILE, HTTPS_PROXY, DOCKER_CONFIG.
func TestDistribution(t *testing.T) {
	files, err := certificates.New(t.TempDir(), privateHost)
	if err != nil {
		t.Fatal(err)
	}
	server := distribution.Start(t, distribution.Options{User: "me", Password: "secret", Certificate: files.Server, Key: files.ServerKey, Delete: true})
	runPrivate(t, "testdata/distribution", server.Host, files.CA, map[string]string{"docker": "me:secret", "wrong": "me:other"})
}

// runPrivate runs scripts beside the server as $PRIVATE, behind $HTTPS_PROXY, with a certificate of $AUTHORITY and a folder for
// DOCKER_CONFIG for each account.
func runPrivate(t *testing.T, dir, server, authority string, accounts map[string]string) {
	t.Helper()
	proxy := httptest.NewServer(tunnel(server))
	t.Cleanup(proxy.Close)
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			if err := setup(env); err != nil {
				return err
			}
			for name, value := range map[string]string{"PRIVATE": privateHost, "HTTPS_PROXY": proxy.URL, "AUTHORITY": authority} {
				env.Setenv(name, value)
			}
			return login(env.WorkDir, accounts)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// login writes a folder for DOCKER_CONFIG for each name.
func login(dir string, accounts map[string]string) error {
	for name, account := range accounts {
		config := map[string]any{"auths": map[string]any{privateHost: map[string][]byte{"auth": []byte(account)}}}
		data, err := json.Marshal(config) // []byte is base64, as the file wants it
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name, "config.json"), string(data)); err != nil {
			return err
		}
	}
	return nil
}

// tunnel is a proxy that knows one host: https://www.rfc-editor.org/rfc/rfc9110#name-connect.
func tunnel(target string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != privateHost+":443" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer server.Close()
		w.WriteHeader(http.StatusOK)
		client, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go io.Copy(server, read) // it may hold what a fast client has sent already
		io.Copy(client, server)
	})
}
