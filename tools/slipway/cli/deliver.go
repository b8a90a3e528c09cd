package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

func (r *runner) pusher() *registry.Pusher {
	return &registry.Pusher{
		Blobs: r.in.blobs(r.progress, r.caches), Progress: r.progress, Jobs: r.options.jobs,
		Keychain: keychain(), PlainHTTP: bridgeHosts(r.decision.Registry),
	}
}

func (r *runner) registryImages() []registry.Image {
	var images []registry.Image
	for _, i := range r.in.images {
		d := i.descriptor
		images = append(images, registry.Image{Descriptor: d, Repository: r.decision.Repository(d.Name), Tags: r.tags})
	}
	return images
}

// push makes sure that the registry has the images. A registry that cannot be used leads to kind, unless --fallback=never.
func (r *runner) push(ctx context.Context) error {
	end := r.ledger.Begin("push")
	var err error
	r.pushed, err = r.pusher().Push(ctx, r.registryImages())
	p := r.pushed
	end(report.Moved{Requests: p.Requests, BytesIn: p.BytesReceived, BytesOut: p.BytesSent, LayerBytes: p.LayerBytes},
		fmt.Sprintf("%d blobs sent, %d mounted, %d there", p.BlobsSent, p.BlobsMounted, p.BlobsPresent), err)
	if err != nil && ctx.Err() == nil && r.decision.Fallback && unusable(err) {
		r.fallBack(err)
		return nil
	}
	return err
}

// unusable reports an error that says something about the registry rather than about the images.
func unusable(err error) bool {
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	return errors.As(err, &denied) || errors.As(err, &unreachable)
}

// fallBack keeps the registry's names: manifests get the same references by either route.
func (r *runner) fallBack(cause error) {
	r.fallback = cause
	text := oneLine(cause.Error())
	r.progress.Line("slipway: warning: %s; delivering the same digests into kind instead", text)
	r.ledger.Set(func(rep *report.Report) { rep.Destination, rep.Fallback = string(plan.Kind), text })
}

// deliver makes the images available in the nodes. The returned function ends what has to live as long as the suite.
func (r *runner) deliver(ctx context.Context, lease *held) (references map[string]string, stop func(), err error) {
	if r.decision.Destination == plan.Registry && r.fallback == nil {
		stop, err := r.openRegistry(ctx, lease)
		return r.pushed.References, stop, err
	}
	references, err = r.load(ctx, lease)
	return references, func() {}, err
}

func (r *runner) load(ctx context.Context, lease *held) (map[string]string, error) {
	var images []node.Image
	for _, i := range r.in.images {
		d := i.descriptor
		images = append(images, node.Image{Descriptor: d, Repository: r.decision.Repository(d.Name)})
	}
	end := r.ledger.Begin("load")
	loader := &node.Loader{Blobs: r.in.blobs(r.progress, r.caches, r.uploaded()...), Progress: r.progress, Archive: r.options.archive}
	result, err := r.steps.load(ctx, loader, lease.nodes, images)
	end(report.Moved{BytesOut: result.BytesSent, LayerBytes: result.LayerBytes},
		fmt.Sprintf("%d layers sent, %d there, on %s", result.LayersSent, result.LayersPresent, progress.Count(len(lease.nodes), "node")), err)
	return result.References, err
}

// openRegistry makes nodes reach a registry that speaks plain HTTP. One on this machine's loopback gets a relay on the
// bridge that the nodes are on. A registry with TLS needs nothing.
func (r *runner) openRegistry(ctx context.Context, lease *held) (stop func(), err error) {
	host, _, _ := strings.Cut(r.decision.Registry, "/")
	stop = func() {}
	endpoint := host
	switch {
	case plan.Loopback(host):
		if endpoint, stop, err = r.steps.relay(ctx, lease.gateway, withPort(host)); err != nil {
			return func() {}, err
		}
	case len(bridgeHosts(host)) == 0:
		return stop, nil
	}
	if err := r.steps.trust(ctx, lease.nodes, host, "http://"+endpoint); err != nil {
		return stop, err
	}
	return stop, nil
}
