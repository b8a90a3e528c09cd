package delivery

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// DryPush says what a push would do, and does none of it.
func (j *Job) DryPush(ctx context.Context) error {
	end := j.Ledger.Begin("push")
	run, err := j.pusher().Plan(ctx, j.registryImages())
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
		if image.Part == "" {
			references[image.Name] = image.Reference
		}
		j.Progress.Line("would push %s to %s: %s", image.Title(), j.Decision.Repository(image.Name), describe(image))
	}
	j.Progress.Line("would send %s (%s of layers) in %s beyond the %d made now",
		progress.Bytes(moved.BytesOut), progress.Bytes(moved.LayerBytes), progress.Count(int(moved.Requests), "request"), run.Requests)
	j.PrintReferences(references)
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
