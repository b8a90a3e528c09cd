package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// dryRun says what would be moved where. A registry is asked, with a token that can only read; a cluster is not.
func (r *runner) dryRun(ctx context.Context) error {
	for _, m := range r.members {
		r.progress.Line("would run %s in namespace %s", m.inputs.plan.Label, m.namespace())
	}
	if r.decision.Destination == plan.Registry {
		err := r.dryPush(ctx)
		if err == nil || ctx.Err() != nil || !r.decision.Fallback || !unusable(err) {
			return err
		}
		r.fallBack(err)
	}
	r.dryLoad()
	return nil
}

func (r *runner) dryPush(ctx context.Context) error {
	end := r.ledger.Begin("push")
	run, err := r.pusher().Plan(ctx, r.registryImages())
	var moved report.Moved
	for _, image := range run.Images {
		moved.Requests += int64(image.Requests)
		moved.BytesOut += image.Bytes
		moved.LayerBytes += image.LayerBytes
	}
	end(moved, fmt.Sprintf("%s to find out", progress.Count(int(run.Requests), "request")), err)
	if err != nil {
		return err
	}
	references := map[string]string{}
	for _, image := range run.Images {
		references[image.Name] = image.Reference
		r.progress.Line("would push %s to %s: %s", image.Name, r.decision.Repository(image.Name), describe(image))
	}
	r.progress.Line("would send %s (%s of layers) in %s beyond the %d made now",
		progress.Bytes(moved.BytesOut), progress.Bytes(moved.LayerBytes), progress.Count(int(moved.Requests), "request"), run.Requests)
	r.printReferences(references)
	return nil
}

func describe(image registry.ImageDryRun) string {
	if image.Present && len(image.Tags) == 0 {
		return "nothing, it is there"
	}
	what := "manifest"
	if !image.Present {
		what = fmt.Sprintf("manifest, %s (%d more mounted, %d there)", progress.Count(image.Blobs, "blob"), image.BlobsMounted, image.BlobsPresent)
	}
	if len(image.Tags) > 0 {
		what += ", tag " + strings.Join(image.Tags, ", ")
	}
	return fmt.Sprintf("%s; %s in %s", what, progress.Bytes(image.Bytes), progress.Count(image.Requests, "request"))
}

// dryLoad counts what nodes without any of the images would get; a layer that two images share goes once.
func (r *runner) dryLoad() {
	end := r.ledger.Begin("load")
	seen := map[string]bool{}
	references := map[string]string{}
	var moved report.Moved
	for _, i := range r.in.images {
		d := i.descriptor
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
		references[d.Name] = r.decision.Repository(d.Name) + "@" + d.Manifest.Digest
		r.progress.Line("would load %s as %s: at most %s, %s", d.Name, r.decision.Repository(d.Name), progress.Count(layers, "layer"), progress.Bytes(bytes))
	}
	end(moved, "at most, to each node", nil)
	r.progress.Line("would send at most %s (%s of layers) to each node, without a request to a registry", progress.Bytes(moved.BytesOut), progress.Bytes(moved.LayerBytes))
	r.printReferences(references)
}
