// Package delivery knows the images of a plan, where their layers are and which registry they go to, and brings them there.
// "slipway push" is its command; a suite's run uses the same for its images, and adds nodes as a place where they can go.
//
// It has neither a cluster nor Kubernetes in it: the program that pushes starts in a third of the time for that.
package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Job is one program's run: its images, where their layers are, and where they go.
type Job struct {
	Inputs
	Getenv   func(string) string
	Streams  command.Streams
	Progress *progress.Display
	Ledger   *report.Ledger
	Caches   Caches
	Jobs     int           // layers sent to a registry at a time
	Decision plan.Decision // destination and registry
	Tags     []string      // of the images in a registry

	Fallback error           // why a registry was left for kind; nil when it was not
	Pushed   registry.Result // with the registry route
}

func (j *Job) pusher() *registry.Pusher {
	return &registry.Pusher{
		Blobs: j.blobs(), Progress: j.Progress, Jobs: j.Jobs,
		Keychain: Keychain(), PlainHTTP: BridgeHosts(j.Decision.Registry),
	}
}

func (j *Job) registryImages() []registry.Image {
	var images []registry.Image
	for _, i := range j.Images {
		d := i.Descriptor
		image := registry.Image{Descriptor: d, Repository: j.Decision.Repository(d.Name), Part: i.part}
		if i.part == "" {
			image.Tags = j.Tags
		}
		images = append(images, image)
	}
	return images
}

// Push makes sure that the registry has the images. A registry that cannot be used leads to kind, unless --fallback=never.
func (j *Job) Push(ctx context.Context) error {
	end := j.Ledger.Begin("push")
	var err error
	j.Pushed, err = j.pusher().Push(ctx, j.registryImages())
	p := j.Pushed
	end(report.Moved{Requests: p.Requests, BytesIn: p.BytesReceived, BytesOut: p.BytesSent, LayerBytes: p.LayerBytes},
		fmt.Sprintf("%d blobs sent, %d mounted, %d there", p.BlobsSent, p.BlobsMounted, p.BlobsPresent), err)
	if err != nil && ctx.Err() == nil && j.Decision.Fallback && Unusable(err) {
		j.FallBack(err)
		return nil
	}
	return err
}

// Unusable reports an error that says something about the registry rather than about the images.
func Unusable(err error) bool {
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	return errors.As(err, &denied) || errors.As(err, &unreachable)
}

// FallBack keeps the registry's names: manifests get the same references by either route.
func (j *Job) FallBack(cause error) {
	j.Fallback = cause
	text := command.OneLine(cause.Error())
	j.Progress.Line("slipway: warning: %s; delivering the same digests into kind instead", text)
	j.Ledger.Set(func(rep *report.Report) { rep.Destination, rep.Fallback = string(plan.Kind), text })
}

// PrintReferences writes the results, a line for each image; for an index one, not one for each image of it.
func (j *Job) PrintReferences(references map[string]string) {
	for _, image := range j.Images {
		if image.part != "" {
			continue
		}
		reference := references[image.Name]
		fmt.Fprintf(j.Streams.Out, "%s %s\n", image.Name, reference)
		j.Ledger.Set(func(rep *report.Report) {
			rep.Images = append(rep.Images, report.Image{Name: image.Name, Reference: reference})
		})
	}
}

// NodeBlobs are the layers for nodes, which can also come from the registry that an earlier job has pushed to.
func (j *Job) NodeBlobs() *source.Chain { return j.blobs(j.uploaded()...) }
