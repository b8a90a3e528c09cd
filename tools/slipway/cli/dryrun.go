package cli

import (
	"context"

	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// dryRun says what would be moved where. A registry is asked, with a token that can only read; a cluster is not.
func (r *runner) dryRun(ctx context.Context) error {
	for _, m := range r.members {
		r.Progress.Line("would run %s in namespace %s", m.inputs.Plan.Label, m.namespace())
	}
	if r.Decision.Destination == plan.Registry {
		err := r.DryPush(ctx)
		if err == nil || ctx.Err() != nil || !r.Decision.Fallback || !delivery.Unusable(err) {
			return err
		}
		r.FallBack(err)
	}
	r.dryLoad()
	return nil
}

// dryLoad counts what nodes without any of the images would get; a layer that two images share goes once.
func (r *runner) dryLoad() {
	end := r.Ledger.Begin("load")
	seen := map[string]bool{}
	references := map[string]string{}
	var moved report.Moved
	for _, i := range r.Images {
		d := i.Descriptor
		var bytes int64
		layers := 0
		for _, l := range d.Layers {
			if !seen[l.Digest] {
				seen[l.Digest] = true
				layers++
				bytes += l.Size
			}
		}
		moved.LayerBytes += bytes
		bytes += d.Manifest.Size + d.Config.Size
		moved.BytesOut += bytes
		references[d.Name] = r.Decision.Repository(d.Name) + "@" + d.Manifest.Digest
		r.Progress.Line("would load %s as %s: at most %s, %s", d.Name, r.Decision.Repository(d.Name), progress.Count(layers, "layer"), progress.Bytes(bytes))
	}
	end(moved, "at most, to each node", nil)
	r.Progress.Line("would send at most %s (%s of layers) to each node, without a request to a registry", progress.Bytes(moved.BytesOut), progress.Bytes(moved.LayerBytes))
	r.PrintReferences(references)
}
