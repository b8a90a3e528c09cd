package prune_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

// emptyConfig is the digest of "{}".
const emptyConfig = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// item is a manifest of a world.
type item struct {
	data      []byte
	mediaType string
	digest    string
	tags      []string
	children  []string
	subject   string
	date      time.Time
}

// world is what a repository has, in an order in which it can be pushed.
type world struct {
	items  []*item
	taken  map[string]bool // tags
	random *rand.Rand
}

func newWorld(seed uint64) *world {
	return &world{taken: map[string]bool{}, random: rand.New(rand.NewPCG(seed, 5))}
}

func (w *world) add(i *item, manifest map[string]any) *item {
	manifest["schemaVersion"], manifest["mediaType"] = 2, i.mediaType
	annotations := map[string]string{"number": fmt.Sprint(len(w.items))}
	if !i.date.IsZero() {
		annotations["org.opencontainers.image.created"] = i.date.Format(time.RFC3339)
	}
	manifest["annotations"] = annotations
	if i.subject != "" {
		manifest["subject"] = map[string]any{"mediaType": imageType, "digest": i.subject, "size": 1}
	}
	i.data, _ = json.Marshal(manifest)
	i.digest = fmt.Sprintf("sha256:%x", sha256.Sum256(i.data))
	w.items = append(w.items, i)
	return i
}

// image adds an image; subject may be empty.
func (w *world) image(date time.Time, subject string) *item {
	config := map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": emptyConfig, "size": 2}
	return w.add(&item{mediaType: imageType, date: date, subject: subject}, map[string]any{"config": config, "layers": []any{}})
}

func (w *world) index(date time.Time, subject string, children ...*item) *item {
	i := &item{mediaType: indexType, date: date, subject: subject}
	list := []any{}
	for _, c := range children {
		i.children = append(i.children, c.digest)
		list = append(list, map[string]any{"mediaType": c.mediaType, "digest": c.digest, "size": len(c.data)})
	}
	return w.add(i, map[string]any{"manifests": list})
}

// tag gives the item a tag that nobody has; one that somebody has is left to them.
func (w *world) tag(i *item, tag string) {
	if !w.taken[tag] {
		w.taken[tag] = true
		i.tags = append(i.tags, tag)
	}
}

func (w *world) any() *item { return w.items[w.random.IntN(len(w.items))] }

// fill makes a world of so many tags: images and indexes that share images and indexes, and what is attached to them in each
// way that there is. Digests that nobody has are among the subjects.
func (w *world) fill(tags int) {
	for range 5 {
		w.image(w.date(), "")
	}
	for len(w.taken) < tags {
		i := w.manifest()
		for range w.random.IntN(3) {
			w.tag(i, w.name(i))
		}
	}
}

func (w *world) manifest() *item {
	subject := ""
	if w.random.IntN(4) == 0 {
		subject = w.any().digest
	}
	switch w.random.IntN(10) {
	case 0: // something that was tagged before gets another tag
		return w.any()
	case 1, 2, 3:
		var children []*item
		for range 1 + w.random.IntN(3) {
			if c := w.any(); !slices.Contains(children, c) {
				children = append(children, c)
			}
		}
		return w.index(w.date(), subject, children...)
	}
	return w.image(w.date(), subject)
}

func (w *world) name(i *item) string {
	switch n := w.random.IntN(20); {
	case n < 8:
		return fmt.Sprintf("pr-%d", 1+w.random.IntN(400))
	case n < 14:
		return fmt.Sprintf("main-%012x", w.random.Int64N(1<<47))
	case n == 14:
		return fmt.Sprintf("v1.%d.%d", w.random.IntN(20), w.random.IntN(20))
	case n == 15:
		return fmt.Sprintf("pr-%d-debug", w.random.IntN(99)) // not ephemeral by name
	case n == 16:
		return "sha256-" + fmt.Sprintf("%x", sha256.Sum256([]byte{byte(w.random.IntN(99))})) // of nobody
	}
	other := w.any()
	return "sha256-" + strings.TrimPrefix(other.digest, "sha256:") + []string{"", ".sig", ".att", ".sbom"}[w.random.IntN(4)]
}

// date is between one hour and 60 days old. No two are equal.
func (w *world) date() time.Time {
	age := time.Hour + time.Duration(w.random.Int64N(int64(60*24*time.Hour))/int64(time.Second))*time.Second
	if w.random.IntN(4) == 0 {
		age /= 50
	}
	return now.Add(-age).Truncate(time.Second)
}

// push writes the world into a repository, by plain requests: go-containerregistry's own would add tags of their own for
// what has a subject.
func (w *world) push(t *testing.T, repo name.Repository, client *http.Client) {
	t.Helper()
	empty := static.NewLayer([]byte("{}"), "application/vnd.oci.image.config.v1+json")
	if err := remote.WriteLayer(repo, empty, remote.WithTransport(client.Transport)); err != nil {
		t.Fatal(err)
	}
	for _, i := range w.items {
		for _, reference := range append([]string{i.digest}, i.tags...) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address(repo, reference), bytes.NewReader(i.data))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", i.mediaType)
			if resp, err := client.Do(req); err != nil || resp.StatusCode != http.StatusCreated {
				t.Fatalf("pushing %s: %v, %+v", reference, err, resp)
			} else {
				resp.Body.Close()
			}
		}
	}
}

func address(repo name.Repository, reference string) string {
	return "http://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr() + "/manifests/" + reference
}

// policy is what the tests prune by. Every second pull request is closed, every fifth not known.
func policy() prune.Policy {
	closed := map[int]bool{}
	for n := range 401 {
		if n%5 != 0 {
			closed[n] = n%2 == 0
		}
	}
	return prune.Policy{Now: now, Closed: closed, MainAge: 14 * 24 * time.Hour, MainKeep: 20, Grace: 24 * time.Hour}
}
