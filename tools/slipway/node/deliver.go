package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// deliver streams one archive to all targets that need something and verifies it in each of them. It returns a cause that
// lies before the nodes; what failed in a node is the target's.
func (l *Loader) deliver(ctx context.Context, targets []*target) error {
	needy := slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return len(t.images) == 0 })
	if len(needy) == 0 {
		return nil
	}
	var total int64
	for _, t := range needy {
		total += t.size()
	}
	step := l.progress().Step("streaming to "+progress.Count(len(needy), "node"), total)
	cause := l.stream(ctx, needy, step)
	if err := failure(cause, needy); err != nil {
		step.Fail(err)
		return cause
	}
	step.Done(progress.Bytes(total))
	return nil
}

// failure is the error of a delivery, nil when all went well.
func failure(cause error, targets []*target) error {
	errs := []error{cause}
	for _, t := range targets {
		errs = append(errs, t.err)
	}
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("delivering to kind: %w", err)
	if strings.Contains(err.Error(), "no space left on device") {
		return fault.New(fault.Delivery, err, diskHints()...)
	}
	return err
}

// stream feeds the imports and waits for them. A cause that lies before the nodes is reported once, not once for each.
func (l *Loader) stream(ctx context.Context, targets []*target, step progress.Step) error {
	f := &fan{sent: step.Add}
	for _, t := range targets {
		t.session.command("import", t.dead)
		f.all = append(f.all, t.session.sink)
	}
	fed := make(chan struct{})
	var imports sync.WaitGroup
	for _, t := range targets {
		imports.Go(func() { t.err = l.receive(ctx, t, fed) })
	}
	cause := l.feed(ctx, f, targets)
	f.close(cause)
	close(fed)
	imports.Wait()
	for _, t := range targets {
		t.bytes = t.session.bytes
	}
	if ctx.Err() != nil {
		cause = ctx.Err()
	}
	if errors.Is(cause, errNoReceivers) { // the nodes' own errors say why
		cause = nil
	}
	return cause
}

// feed writes the archive.
func (l *Loader) feed(ctx context.Context, f *fan, targets []*target) error {
	a := newArchive(f)
	layout := `{"imageLayoutVersion":"1.0.0"}`
	if err := a.to(f.all); err != nil {
		return err
	}
	if err := a.entry("oci-layout", int64(len(layout)), strings.NewReader(layout)); err != nil {
		return err
	}
	if err := l.feedBlobs(ctx, a, targets); err != nil {
		return err
	}
	for i, t := range targets {
		data, err := index(t.images)
		if err != nil {
			return err
		}
		if err := errors.Join(a.to(f.all[i:i+1]), a.entry("index.json", int64(len(data)), bytes.NewReader(data))); err != nil {
			return err
		}
	}
	return a.end()
}

func (l *Loader) feedBlobs(ctx context.Context, a *archive, targets []*target) error {
	var images []Image
	for _, t := range targets {
		images = append(images, t.images...)
	}
	done := make(map[string]bool)
	for _, blob := range blobs(images) {
		if done[blob.Digest] {
			continue
		}
		done[blob.Digest] = true
		if err := l.feedBlob(ctx, a, targets, blob); err != nil {
			return err
		}
	}
	return nil
}

// feedBlob sends one blob to the targets that want it, and does not open one that nobody wants.
func (l *Loader) feedBlob(ctx context.Context, a *archive, targets []*target, blob named) error {
	var receivers []*sink
	var wanting []*target
	for i, t := range targets {
		if t.wants(blob.Blob) {
			receivers, wanting = append(receivers, a.fan.all[i]), append(wanting, t)
		}
	}
	if len(receivers) == 0 {
		return nil
	}
	if err := a.to(receivers); err != nil {
		return err
	}
	content, err := blob.open(ctx, l.Blobs)
	if err != nil {
		return fmt.Errorf("opening a blob of %s: %w", blob.label, err)
	}
	defer content.Close()
	if err := a.entry(blobPath(blob.Digest), blob.Size, content); err != nil {
		return fmt.Errorf("streaming a blob of %s: %w", blob.label, err)
	}
	if err := a.flush(); err != nil || !blob.layer {
		return err
	}
	for i, t := range wanting {
		if !receivers[i].ended() {
			t.layersSent++
			t.layerBytes += blob.Size
		}
	}
	return nil
}

// receive waits for the import in one node. An import is not killed: cut off from its input it ends by itself, and only
// then it is known what there is to take back.
func (l *Loader) receive(ctx context.Context, t *target, fed <-chan struct{}) error {
	err := t.imported(fed)
	shared := ctx.Err() != nil || t.session.aborted() && !errors.Is(t.session.cause, errStalled) && !errors.Is(t.session.cause, errSilent)
	switch {
	case shared:
		err = nil // stream reports it
	case err == nil:
		if t.after.kept {
			l.keeps(t)
		}
		return nil
	}
	if err = errors.Join(err, t.clean(ctx)); err == nil {
		return nil
	}
	if t.restarted {
		err = fmt.Errorf("restarted while it took the images: %w", err)
	}
	return fmt.Errorf("node %q: %w", t.node.Name(), err)
}

// imported waits until the import has ended, and asks whether the images can be run: neither ctr's exit status nor a record
// is a proof.
func (t *target) imported(fed <-chan struct{}) error {
	select {
	case <-fed:
	case <-t.session.left:
	}
	after, err := t.session.next(unpackTimeout)
	if err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	t.session.wait()
	t.after = after
	for _, image := range t.images {
		if !after.unpacked(image) {
			return fmt.Errorf("verifying the import: %s is not unpacked", image.Reference())
		}
	}
	return nil
}
