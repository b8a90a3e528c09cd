package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const baseLayer = "the base layer" // of writeImage's images

// serveUpstream starts $UPSTREAM, a registry with the base layer that wants the password of "me": secret. Nobody may read its
// repository base/forbidden, and base/empty has nothing. It writes its requests into $WORK/asked. $WORK/half is a disk cache without the base layer.
func serveUpstream(env *testscript.Env, root string) error {
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	upload := httptest.NewRequest(http.MethodPost, "/v2/base/static/blobs/uploads/?digest="+digest([]byte(baseLayer)), strings.NewReader(baseLayer))
	inner.ServeHTTP(httptest.NewRecorder(), upload)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked, _ := os.OpenFile(filepath.Join(env.WorkDir, "asked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		fmt.Fprintln(asked, r.Method, r.URL.Path)
		asked.Close()
		mu.Unlock()
		_, password, _ := r.BasicAuth()
		switch {
		case password != "secret":
			w.Header().Set("WWW-Authenticate", `Basic realm="upstream"`)
			http.Error(w, "no: "+password, http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/v2/base/forbidden/"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/v2/base/empty/"):
			w.WriteHeader(http.StatusNotFound)
		default:
			inner.ServeHTTP(w, r)
		}
	}))
	env.Defer(server.Close)
	env.Setenv("UPSTREAM", strings.TrimPrefix(server.URL, "http://"))
	login := map[string]any{"auths": map[string]any{env.Getenv("UPSTREAM"): map[string]string{"auth": "bWU6c2VjcmV0"}}}
	if err := write(filepath.Join(env.WorkDir, "upstream-login", "config.json"), login); err != nil {
		return err
	}
	for _, name := range []string{"gateway", "datastorage"} {
		layer, err := os.ReadFile(filepath.Join(root, name, "layer1"))
		if err != nil {
			return err
		}
		hex := strings.TrimPrefix(digest(layer), "sha256:")
		if err := write(filepath.Join(env.WorkDir, "half", "cas", hex[:2], hex), string(layer)); err != nil {
			return err
		}
	}
	return nil
}

// upstreams gives the base layer of both images repositories: "upstreams $UPSTREAM/base/static".
func upstreams(ts *testscript.TestScript, _ bool, repositories []string) {
	for _, name := range []string{"gateway", "datastorage"} {
		path := filepath.Join(ts.Getenv("RUNFILES_DIR"), "_main", name, "image.descriptor.json")
		data, err := os.ReadFile(path)
		ts.Check(err)
		var d plan.Descriptor
		ts.Check(json.Unmarshal(data, &d))
		d.Upstreams = map[string][]string{digest([]byte(baseLayer)): repositories}
		ts.Check(write(path, d))
	}
}
