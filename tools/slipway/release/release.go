// Package release copies images that have been tested from CI's registry to that of releases, under a version.
//
// Nothing is built. What was tested is known twice: this commit's build says which digests its indexes have, and CI's registry
// says which digest it tagged for this commit. They must agree; a tag that was moved is an error. The blobs go from registry to
// registry, or are mounted where both are one; none touches the disk.
//
// A version is written once. A tag that points elsewhere is an error before anything is written; one that points to the
// digest is left alone with all that belongs to it, but for a key's signatures, which are added. The tags are written last, when
// all images of all services, and what refers to them, are there, and are looked at once more right before and after. A release
// that is broken off before leaves no version, and the next one sends what lacks.
//
// Beside an index and its images go, as manifests with a subject (https://github.com/opencontainers/image-spec/blob/main/manifest.md):
// for each platform what is in the image (SPDX, from the build), and for the index where it comes from (provenance). A registry
// without the referrers API gets the tag that the distribution specification has instead. With a key all of them are signed as
// cosign does: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md.
//
// A registry has no compare-and-swap: of two releases that write one version at the same moment the later write stays. The other
// one says so, unless it had its last look before.
package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Service is one image of a release, as this commit builds it.
type Service struct {
	Index plan.Index
	SBOMs map[string][]byte // SPDX documents by platform, "linux/amd64"
}

// Release is one. All fields but Signer and Run are required.
type Release struct {
	Decision plan.ReleaseDecision
	Services []Service
	Pusher   *registry.Pusher // whose blobs are set here
	Tested   *source.Registry // whose repositories are set here
	Progress progress.Reporter
	Run      Run     // for the provenance
	Signer   *Signer // nil signs nothing

	counter registry.Counter // of what is read from Tested
}

// Row is one line of the promotion table.
type Row struct {
	Service   string
	Digest    string            // of the index that was tested
	Platforms map[string]string // digests by platform
	Target    string            // "quay.io/kubernaut/gateway:v1.2.3"
	Bytes     int64             // that would go to the target's registry
	There     bool              // the version is there already, with this digest
	Unsigned  bool              // it is there without the signer's signatures
}

// Result is what a release did.
type Result struct {
	Moved      registry.Result
	References map[string]string // service to reference by digest
	Released   int               // services that were released now
	Signed     int               // services that were there before and are signed now
}

// Copy releases what is not there yet. Errors are found for all services before anything is written.
func (r *Release) Copy(ctx context.Context) (result Result, err error) {
	result = Result{References: map[string]string{}}
	defer func() {
		requests, received := r.counter.Counts()
		add(&result.Moved, registry.Result{Requests: requests + r.Pusher.Asked(), BytesReceived: received})
	}()
	for _, s := range r.Services {
		result.References[s.Index.Name] = r.to(s) + "@" + s.Index.Index.Digest
	}
	todo, err := r.check(ctx)
	if err != nil || todo.nothing() {
		return result, err
	}
	parts, memory, err := r.parts(ctx, todo)
	if err != nil {
		return result, err
	}
	r.Pusher.Blobs = &blobs{memory: memory, tested: r.tested()}
	result.Moved, err = r.Pusher.Push(ctx, parts)
	if err != nil {
		return result, err
	}
	tagged, err := r.tag(ctx, todo.missing)
	add(&result.Moved, tagged)
	if err == nil {
		result.Released, result.Signed = len(todo.missing), len(todo.unsigned)
	}
	return result, err
}

// tagLimit is how long tags are still written after an interrupt: one that has come to half of the services would leave half a
// version.
const tagLimit = 20 * time.Second

// tag writes the version tags, when nobody else has written one since, and looks whether they are what stays.
func (r *Release) tag(ctx context.Context, missing []Service) (registry.Result, error) {
	if len(missing) == 0 {
		return registry.Result{}, nil
	}
	if _, err := r.existing(ctx, true); err != nil {
		return registry.Result{}, err
	}
	var images []registry.Image
	for _, s := range missing {
		images = append(images, r.version(s))
	}
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(tagLimit, cancel) })()
	result, err := r.Pusher.Push(writing, images)
	if err == nil {
		_, err = r.existing(writing, true)
	}
	return result, err
}

// Plan says what Copy would do, and writes nothing. Where Copy would refuse, it has the rows and the error.
func (r *Release) Plan(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, s := range r.Services {
		row := Row{Service: s.Index.Name, Digest: s.Index.Index.Digest, Platforms: map[string]string{}, Target: r.to(s) + ":" + r.Decision.Version}
		for _, d := range s.Index.Images {
			row.Platforms[d.Platform()] = d.Manifest.Digest
		}
		rows = append(rows, row)
	}
	todo, err := r.check(ctx)
	if err != nil {
		return rows, err
	}
	return rows, r.weigh(ctx, rows, todo)
}

// weigh asks what each service would cost.
func (r *Release) weigh(ctx context.Context, rows []Row, todo todo) error {
	row := map[string]*Row{}
	for i := range rows {
		rows[i].There = true
		row[rows[i].Service] = &rows[i]
	}
	for _, s := range todo.missing {
		row[s.Index.Name].There = false
		row[s.Index.Name].Bytes = s.Index.Index.Size // for the tag
	}
	for _, s := range todo.unsigned {
		row[s.Index.Name].Unsigned = true
	}
	parts, _, err := r.parts(ctx, todo)
	if err != nil {
		return err
	}
	run, err := r.Pusher.Plan(ctx, parts)
	for _, image := range run.Images {
		if !image.Mounted {
			row[image.Name].Bytes += image.Bytes
		}
	}
	return err
}

func (r *Release) to(s Service) string   { return r.Decision.To + "/" + s.Index.Name }
func (r *Release) from(s Service) string { return r.Decision.From + "/" + s.Index.Name }

// version is the index under its version.
func (r *Release) version(s Service) registry.Image {
	return registry.Image{Descriptor: s.Index.Descriptor(), Repository: r.to(s), Tags: []string{r.Decision.Version}}
}

// oneRegistry tells whether blobs can be mounted.
func (r *Release) oneRegistry() bool {
	from, _, _ := strings.Cut(r.Decision.From, "/")
	to, _, _ := strings.Cut(r.Decision.To, "/")
	return from == to
}

func add(to *registry.Result, more registry.Result) {
	to.Requests += more.Requests
	to.BytesSent += more.BytesSent
	to.BytesReceived += more.BytesReceived
	to.LayerBytes += more.LayerBytes
	to.BlobsSent += more.BlobsSent
	to.BlobsMounted += more.BlobsMounted
	to.BlobsPresent += more.BlobsPresent
}

// refuse is an error of what the registries hold.
func refuse(hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if hint == "" {
		return fault.New(fault.Delivery, err)
	}
	return fault.New(fault.Delivery, err, hint)
}
