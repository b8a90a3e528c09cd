package push

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"

	"github.com/kubernaut/kubernaut/test/bench/measure"
)

var small = map[string]int64{changed: 3000, "notification": 5000, "datastorage": 7000}

func account(host string) authn.Keychain {
	return fixed{host: authn.FromConfig(authn.AuthConfig{Username: user, Password: password})}
}

type fixed map[string]authn.Authenticator

func (f fixed) Resolve(r authn.Resource) (authn.Authenticator, error) { return f[r.RegistryStr()], nil }

// pusher is slipway's own package, in this process.
func pusher(ctx context.Context, f fleet, host, tag string) error {
	p := registry.Pusher{Progress: progress.Discard(), Keychain: account(host)}
	var images []registry.Image
	var chain source.Chain
	for _, service := range f.services() {
		images = append(images, registry.Image{Descriptor: f.images[service], Repository: host + "/bench/" + service, Tags: []string{tag}})
		chain.Sources = append(chain.Sources, source.Named{Name: service, Blobs: source.Layout(f.layout(service))})
	}
	p.Blobs = &chain
	_, err := p.Push(ctx, images)
	return err
}

// craned is crane's own package, in this process.
func craned(ctx context.Context, f fleet, host, tag string) error {
	for _, service := range f.services() {
		index, err := layout.ImageIndexFromPath(f.layout(service))
		if err != nil {
			return err
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			return err
		}
		image, err := index.Image(manifest.Manifests[0].Digest)
		if err != nil {
			return err
		}
		if err := crane.Push(image, host+"/bench/"+service+":"+tag, crane.WithAuthFromKeychain(account(host)), crane.WithContext(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// A push that does nothing is no push, however fast.
func TestSceneWantsTheImages(t *testing.T) {
	b, err := prepare(t.Context(), t.TempDir(), tool{home: t.TempDir()}, small)
	if err != nil {
		t.Fatal(err)
	}
	idle := func(context.Context, fleet, string, string) error { return nil }
	if err := b.scene(t.Context(), idle, &measure.Round{}, 0, far); err == nil {
		t.Error("no error")
	}
}

func TestScene(t *testing.T) {
	b, err := prepare(t.Context(), t.TempDir(), tool{home: t.TempDir()}, small)
	if err != nil {
		t.Fatal(err)
	}
	for name, push := range map[string]push{"pusher": pusher, "crane": craned} {
		t.Run(name, func(t *testing.T) {
			got := map[string]int64{}
			s := measure.Suite{
				Name: "push", Competitors: []string{name}, Cases: []string{first, unchanged, newTag, one},
				Open: func(context.Context, *measure.Host) (measure.Bench, error) { return sceneOnly{b, push}, nil },
			}
			host := &measure.Host{Dir: t.TempDir(), Log: t.Logf}
			result, err := measure.Run(t.Context(), s, host, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, sample := range result.Samples {
				got[sample.Case] = sample.Counts[layerBytes.Name]
			}
			// The base goes to the first repository, and the others mount it or get it too.
			want := map[string]int64{first: 0, unchanged: 0, newTag: 0, one: b.after.images[changed].Layers[1].Size}
			for i, service := range b.before.services() {
				if sizes := b.before.images[service].Layers; i == 0 || name == "crane" {
					want[first] += sizes[0].Size + sizes[1].Size
				} else {
					want[first] += sizes[1].Size
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("layer bytes (-want +got):\n%s", diff)
			}
		})
	}
}

type sceneOnly struct {
	*bench
	push push
}

func (b sceneOnly) Round(ctx context.Context, _ string, r *measure.Round) error {
	return b.scene(ctx, b.push, r, 0, func(name string) string { return name })
}

func TestUpstreamWantsTokens(t *testing.T) {
	r, err := newUpstream(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ref, err := name.ParseReference(r.Host + "/bench/gateway:a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref, remote.WithContext(t.Context())); err == nil {
		t.Error("anonymous: no error")
	}
	if got := r.Traffic(); got.requests != 2 || got.tokens != 1 {
		t.Errorf("anonymous: got %+v, want a greeting and a refused token", got)
	}
}

func TestUpstreamLatency(t *testing.T) {
	r, err := newUpstream(50*time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	start := time.Now()
	crane.Digest(r.Host + "/bench/gateway:a")
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("two requests took %v", took)
	}
}

// The fleets differ in one image, and there in the binary alone.
func TestFleet(t *testing.T) {
	b, err := prepare(t.Context(), t.TempDir(), tool{home: t.TempDir()}, small)
	if err != nil {
		t.Fatal(err)
	}
	for service, before := range b.before.images {
		after := b.after.images[service]
		if same := before.Manifest.Digest == after.Manifest.Digest; same == (service == changed) {
			t.Errorf("%s: same image: %v", service, same)
		}
		if before.Layers[0] != after.Layers[0] || before.Layers[1].Size != after.Layers[1].Size {
			t.Errorf("%s: layers %v became %v", service, before.Layers, after.Layers)
		}
	}
	var p plan.Plan
	data, err := os.ReadFile(b.after.plan())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil || len(p.Images) != len(small) {
		t.Fatalf("plan: %v, %+v", err, p)
	}
	for _, image := range p.Images {
		data, err := os.ReadFile(filepath.Join(b.after.dir, image.Descriptor))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.DecodeDescriptor(image.Name, data); err != nil {
			t.Error(err)
		}
	}
}
