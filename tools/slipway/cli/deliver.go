package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// deliver makes the images available in the nodes. The returned function ends what has to live as long as the suite.
func (r *runner) deliver(ctx context.Context, lease *held) (references map[string]string, stop func(), err error) {
	if r.Decision.Destination == plan.Registry && r.Fallback == nil {
		stop, err := r.openRegistry(ctx, lease)
		return r.Pushed.References, stop, err
	}
	references, err = r.load(ctx, lease)
	return references, func() {}, err
}

func (r *runner) load(ctx context.Context, lease *held) (map[string]string, error) {
	var images []node.Image
	for _, i := range r.Images {
		d := i.Descriptor
		images = append(images, node.Image{Descriptor: d, Repository: r.Decision.Repository(d.Name)})
	}
	end := r.Ledger.Begin("load")
	loader := &node.Loader{Blobs: r.NodeBlobs(), Progress: r.Progress, Archive: r.options.archive}
	result, err := r.steps.load(ctx, loader, lease.nodes, images)
	end(report.Moved{BytesOut: result.BytesSent, LayerBytes: result.LayerBytes},
		fmt.Sprintf("%d layers sent, %d there, on %s", result.LayersSent, result.LayersPresent, progress.Count(len(lease.nodes), "node")), err)
	return result.References, err
}

// openRegistry makes nodes reach a registry that speaks plain HTTP. One on this machine's loopback gets a relay on the
// bridge that the nodes are on. A registry with TLS needs nothing.
func (r *runner) openRegistry(ctx context.Context, lease *held) (stop func(), err error) {
	host, _, _ := strings.Cut(r.Decision.Registry, "/")
	stop = func() {}
	endpoint := host
	switch {
	case plan.Loopback(host):
		if endpoint, stop, err = r.steps.relay(ctx, lease.gateway, withPort(host)); err != nil {
			return func() {}, err
		}
	case len(delivery.BridgeHosts(host)) == 0:
		return stop, nil
	}
	if err := r.steps.trust(ctx, lease.nodes, host, "http://"+endpoint); err != nil {
		return stop, err
	}
	return stop, nil
}
