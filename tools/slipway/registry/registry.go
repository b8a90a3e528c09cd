// Package registry delivers images to an OCI registry and moves only what the registry lacks.
//
// A Pusher asks before it sends: one request for each image that is there already, one token for all images of a registry.
// Missing blobs go up in parallel, straight from their source; a blob that another of the registry's repositories holds is
// mounted from there. Manifests are written by digest when all of their blobs are there, tags when all manifests are. A
// push that fails in the middle therefore never leaves a tag that points to half an image.
//
// The protocol (https://github.com/opencontainers/distribution-spec/blob/main/spec.md) is go-containerregistry's. What is
// ours is the order, one authenticated transport for all repositories, counting, waiting as the registry asks, and errors
// that the caller can tell apart.
//
// It does not build indexes, delete anything, or hold a layer in memory.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const defaultJobs = 4

// Image is one image and where it goes.
type Image struct {
	Descriptor plan.Descriptor
	Repository string   // "localhost:5001/kubernaut/gateway"
	Tags       []string // may be empty: the digest is what a deployment needs
}

// Reference is the image by digest: "localhost:5001/kubernaut/gateway@sha256:…".
func (i Image) Reference() string { return i.Repository + "@" + i.Descriptor.Manifest.Digest }

// Pusher pushes images. The zero value of each field but Blobs and Progress is usable. It is safe for concurrent use.
type Pusher struct {
	Blobs     source.Blobs // layers; manifests and configurations come from the descriptors
	Progress  progress.Reporter
	Jobs      int               // requests at a time; 0 is 4
	Keychain  authn.Keychain    // nil is anonymous
	PlainHTTP []string          // hosts ("172.18.0.1:5001") that are spoken to without TLS, beside loopback
	Transport http.RoundTripper // nil is one with time limits for dialling and for an answer
	Backoff   time.Duration     // wait before the first retry, doubled each time, when the registry names none; 0 is 500 ms
}

// Result is what a push moved.
type Result struct {
	Requests      int64             // HTTP requests, retries and tokens included
	BytesSent     int64             // bytes of request bodies
	BytesReceived int64             // bytes of response bodies
	LayerBytes    int64             // sizes of the layers among the blobs sent
	BlobsSent     int               // blobs that were uploaded
	BlobsMounted  int               // blobs that the registry took over from another repository
	BlobsPresent  int               // blobs that were there
	References    map[string]string // image name → reference by digest
}

// Push makes sure that every image is in its registry, by digest and by tag. All images are tried; the error joins those
// of each failed one. It wraps a *DeniedError or an *UnreachableError where the cause is one.
func (p *Pusher) Push(ctx context.Context, images []Image) (Result, error) {
	result := Result{References: map[string]string{}}
	var failures []error
	for _, group := range byRegistry(images) {
		if err := p.pushGroup(ctx, group, &result); err != nil {
			failures = append(failures, err)
		}
	}
	return result, errors.Join(failures...)
}

func (p *Pusher) pushGroup(ctx context.Context, images []Image, result *Result) error {
	s, err := p.open(ctx, images, "push,pull")
	var denied *DeniedError
	if errors.As(err, &denied) && p.allThere(ctx, images, result) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(result)
	states, err := s.look(ctx, images)
	if err != nil {
		return err
	}
	if err := s.upload(ctx, states); err != nil {
		return err
	}
	if err := s.write(ctx, states); err != nil {
		return err
	}
	for _, image := range images {
		result.References[image.Descriptor.Name] = image.Reference()
	}
	return nil
}

// allThere reports whether there is nothing to push: then a token that cannot write, such as a fork's, will do.
func (p *Pusher) allThere(ctx context.Context, images []Image, result *Result) bool {
	s, err := p.open(ctx, images, "pull")
	if err != nil {
		return false
	}
	defer s.close(result)
	states, err := s.look(ctx, images)
	if err != nil {
		return false
	}
	for _, st := range states {
		if !st.present || len(st.tags) > 0 {
			return false
		}
	}
	s.outcomes = states
	for _, image := range images {
		result.References[image.Descriptor.Name] = image.Reference()
	}
	return true
}

// byRegistry keeps the order of the images within a group and of the groups' first images.
func byRegistry(images []Image) [][]Image {
	var groups [][]Image
	index := map[string]int{}
	for _, image := range images {
		host := hostOf(image.Repository)
		i, ok := index[host]
		if !ok {
			i = len(groups)
			index[host] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], image)
	}
	return groups
}

// state is what is known about an image in the registry.
type state struct {
	image   Image
	repo    name.Repository
	present bool     // the manifest is there, hence all of its blobs are
	tags    []string // tags that do not point to the manifest yet

	mu    sync.Mutex
	blobs map[string]outcome // by digest; of images that were not present
}

// look asks for each image's manifest.
func (s *session) look(ctx context.Context, images []Image) ([]*state, error) {
	step := s.progress.Step("asking "+s.registry, 0)
	states := make([]*state, len(images))
	errs := make([]error, len(images))
	var g errgroup.Group
	g.SetLimit(s.jobs)
	for i, image := range images {
		g.Go(func() error {
			states[i], errs[i] = s.lookAt(ctx, image)
			errs[i] = s.explain(image, errs[i])
			return nil
		})
	}
	g.Wait()
	err := errors.Join(errs...)
	if err != nil {
		step.Fail(err)
		return states, err
	}
	there := 0
	for _, st := range states {
		if st.present {
			there++
		}
	}
	step.Done(fmt.Sprintf("%s, %d there", progress.Count(len(states), "image"), there))
	return states, nil
}

// lookAt asks by tag first: for an unchanged image this one answer says all.
func (s *session) lookAt(ctx context.Context, image Image) (*state, error) {
	repo, err := name.NewRepository(image.Repository)
	if err != nil {
		return nil, err
	}
	st := &state{image: image, repo: repo, blobs: map[string]outcome{}}
	digest := image.Descriptor.Manifest.Digest
	for _, tag := range image.Tags {
		there, err := s.points(ctx, repo.Tag(tag), digest)
		if err != nil {
			return nil, err
		}
		if there {
			st.present = true
		} else {
			st.tags = append(st.tags, tag)
		}
	}
	if !st.present {
		st.present, err = s.points(ctx, repo.Digest(digest), digest)
	}
	return st, err
}
