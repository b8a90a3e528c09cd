package registry_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// A layer that comes from the registry that the image goes to is mounted, where the registry can and lets it; else it is sent.
func TestPushFromUpstream(t *testing.T) {
	own := []string{"repository:k/a:push,pull"}
	both := append(own, "repository:base/static:pull")
	for _, tc := range []struct {
		name     string
		upstream string // host is added unless it has one
		lacks    bool   // the upstream does not have the layer
		refuses  bool   // the token server does not let it be read
		planned  int    // mounts by the dry run, which does not ask the upstream
		mounted  int
		scopes   []string
	}{
		{name: "same registry", upstream: "/base/static", planned: 1, mounted: 1, scopes: both},
		{name: "has lost it", upstream: "/base/static", lacks: true, planned: 1, scopes: both},
		{name: "may not be read", upstream: "/base/static", lacks: true, refuses: true, planned: 1, scopes: own},
		{name: "other registry", upstream: "registry.example/base/static", scopes: own},
		{name: "the image's own", upstream: "/k/a", lacks: true, scopes: own},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			image := s.to(d.image("a", "base", "1"), "t1")
			base := image.Descriptor.Layers[0].Digest
			if strings.HasPrefix(tc.upstream, "/") {
				tc.upstream = s.host + tc.upstream
			}
			image.Descriptor.Upstreams = map[string][]string{base: {tc.upstream}}
			s.held["base/static@"+base] = !tc.lacks
			if tc.mounted > 0 {
				delete(d.blobs, base) // it needs no source
			}
			var sold atomic.Int32
			var scopes atomic.Value
			s.tokens("", &sold, &scopes)
			if sell := s.fault; tc.refuses {
				s.fault = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/token" && slices.Contains(r.URL.Query()["scope"], both[1]) {
						w.WriteHeader(http.StatusForbidden)
						return true
					}
					return sell(w, r)
				}
			}
			plan, err := d.pusher().Plan(t.Context(), []registry.Image{image})
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.pusher().Push(t.Context(), []registry.Image{image})
			if err != nil || got.BlobsMounted != tc.mounted || got.BlobsSent != 3-tc.mounted {
				t.Fatalf("got %+v, %v; want %d mounted", got, err, tc.mounted)
			}
			if diff := cmp.Diff(tc.scopes, scopes.Load()); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
			if plan.Images[0].BlobsMounted != tc.planned {
				t.Errorf("the dry run says %+v, want %d mounted", plan.Images[0], tc.planned)
			}
			s.repair()
			if tags := s.audit(t); len(tags) != 1 {
				t.Errorf("got tags %v", tags)
			}
		})
	}
}
