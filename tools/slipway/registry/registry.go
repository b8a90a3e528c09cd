// Package registry delivers images to an OCI registry and moves only what the registry lacks.
//
// A Pusher asks before it sends: one request for each image that is there already, one token for all images of a registry.
// Missing blobs go up in parallel, straight from their source; a blob that another of the registry's repositories holds is
// mounted from there, and so is a layer of a base that comes from one of them. Manifests are written by digest when all blobs of all images are there, tags when all manifests are;
// what was written is asked for unless the registry's answer named its digest. A push that fails in the middle therefore never leaves a manifest without its
// blobs or a tag on half of the images, and the next one finds what is there and sends the rest.
//
// A registry that is busy (429, 5xx) is asked again after the time that it names. One that forgets an upload, or breaks it
// off, gets the blob from its first byte once more; one that has lost a blob by the time of the manifest gets that blob again.
//
// Tokens and manifests are go-containerregistry's. The blobs' part of the protocol
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md) is here, because a blob costs three requests instead
// of four, and because beginning anew needs more than its library tells.
//
// An index, a signature or whatever else refers to an image is an image here, too: its manifest follows those that it names.
//
// It does not build indexes, delete anything, or hold a layer in memory.
package registry

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// defaultJobs: ten images to an empty registry 20 ms away take the same half second with 4, 8, 16 and 32 layers at a time.
const defaultJobs = 4

// smallPerJob: requests that carry no layer wait for the registry and take nobody's bandwidth. With 20 ms to the registry, ten
// images that are there take 60 ms at 16 requests at a time, and 100 ms at 4.
const smallPerJob = 4

// Image is one image and where it goes.
type Image struct {
	Descriptor plan.Descriptor
	Repository string   // "localhost:5001/kubernaut/gateway"
	Tags       []string // may be empty: the digest is what a deployment needs
	Part       string   // "linux/arm64": what it is of the image that the descriptor names; empty is the image itself
	Mounted    bool     // it is there, and others mount its blobs: nothing is written to the repository
}

// title is how messages call the image.
func (i Image) title() string { return title(i.Descriptor.Name, i.Part) }

func title(name, part string) string {
	if part == "" {
		return name
	}
	return name + " (" + part + ")"
}

// Reference is the image by digest: "localhost:5001/kubernaut/gateway@sha256:…".
func (i Image) Reference() string { return i.Repository + "@" + i.Descriptor.Manifest.Digest }

// Pusher pushes images. The zero value of each field but Blobs and Progress is usable. It is safe for concurrent use.
type Pusher struct {
	Blobs     source.Blobs // layers; manifests and configurations come from the descriptors
	Progress  progress.Reporter
	Jobs      int               // layers on their way at a time; 0 is 4. Of smaller requests there are four times as many
	Keychain  authn.Keychain    // nil is anonymous
	PlainHTTP []string          // hosts ("172.18.0.1:5001") that are spoken to without TLS, beside loopback
	Transport http.RoundTripper // nil is one with time limits for dialling and for an answer
	Backoff   time.Duration     // wait before the first retry, doubled each time, when the registry names none; 0 is 500 ms

	asked atomic.Int64 // requests of Digests and Existing
}

// Asked counts the requests that Digests and Existing have made; those of a push are in its result.
func (p *Pusher) Asked() int64 { return p.asked.Load() }

// Result is what a push moved.
type Result struct {
	Requests      int64             // HTTP requests, retries and tokens included
	BytesSent     int64             // bytes of request bodies
	BytesReceived int64             // bytes of response bodies
	LayerBytes    int64             // sizes of the layers among the blobs sent
	BlobsSent     int               // blobs that were uploaded
	BlobsMounted  int               // blobs that the registry took over from another repository
	BlobsPresent  int               // blobs that were there
	References    map[string]string // image name → reference by digest; nil when the push failed
}

// Push makes sure that every image is in its registry, by digest and by tag. All images are tried; the error joins those
// of each failed one. It wraps a *DeniedError or an *UnreachableError where the cause is one, and is ctx's when that ended.
func (p *Pusher) Push(ctx context.Context, images []Image) (result Result, err error) {
	sessions, err := p.openAll(ctx, images)
	defer func() {
		for _, s := range sessions {
			s.close(&result)
		}
	}()
	if err != nil {
		return result, err
	}
	// A phase begins when the one before has succeeded for all images of all registries.
	for _, phase := range []func(*session, context.Context) error{
		(*session).look, (*session).upload, (*session).writeManifests, (*session).writeTags, (*session).verify,
	} {
		var errs []error
		for _, s := range sessions {
			errs = append(errs, phase(s, ctx))
		}
		switch err := errors.Join(errs...); {
		case err != nil && ctx.Err() != nil:
			return result, ctx.Err() // each image failed of it
		case err != nil:
			return result, err
		}
	}
	result.References = map[string]string{}
	for _, image := range images {
		if image.Part == "" && !image.Mounted {
			result.References[image.Descriptor.Name] = image.Reference()
		}
	}
	return result, nil
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
