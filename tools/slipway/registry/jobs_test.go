package registry_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// Layers go one at a time when told so, and what is small does not wait for them: the first layer is taken only after the
// configurations of all images.
func TestPushJobs(t *testing.T) {
	const fleet = 20
	s, d := newServer(t), newDisk()
	var images []registry.Image
	small := map[string]bool{}
	for i := range fleet {
		image := d.image(fmt.Sprint("service", i), "base", fmt.Sprint("binary", i))
		small[image.Config.Digest] = true
		images = append(images, s.to(image, "t1"))
	}
	var mu sync.Mutex
	under, most, configurations := 0, 0, 0
	all := make(chan struct{})
	s.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		digest := r.URL.Query().Get("digest")
		if r.Method != http.MethodPut || digest == "" {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if small[digest] {
			if configurations++; configurations == fleet {
				close(all)
			}
			return false
		}
		under++
		most = max(most, under)
		mu.Unlock()
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			t.Error("a layer kept configurations waiting")
		}
		mu.Lock()
		under--
		return false
	}
	p := d.pusher()
	p.Jobs = 1
	if _, err := p.Push(t.Context(), images); err != nil {
		t.Fatal(err)
	}
	if most != 1 {
		t.Errorf("got %d layers at a time, want 1", most)
	}
}
