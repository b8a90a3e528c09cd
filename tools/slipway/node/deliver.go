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
	switch {
	case strings.Contains(err.Error(), "no space left on device"):
		return fault.New(fault.Delivery, err, diskHints()...)
	case errors.Is(err, errSilent) || errors.Is(err, errStalled): // and the API server may be well: the next run would take the cluster again
		return fault.New(fault.Delivery, err, "--fresh")
	}
	return err
}

// stream feeds the imports and waits for them. A cause that lies before the nodes is reported once, not once for each.
func (l *Loader) stream(ctx context.Context, targets []*target, step progress.Step) error {
	f := &fan{sent: step.Add}
	for _, t := range targets {
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

// feed writes the archives of all parts.
func (l *Loader) feed(ctx context.Context, f *fan, targets []*target) error {
	for i := range targets[0].parts {
		if err := l.feedPart(ctx, f, targets, i); err != nil {
			return err
		}
		for _, t := range targets {
			if p := &t.parts[i]; len(p.images) > 0 && !p.last {
				t.ready()
			}
		}
	}
	return nil
}

// feedPart writes one part's archive to the targets that take part.
func (l *Loader) feedPart(ctx context.Context, f *fan, targets []*target, i int) error {
	a := newArchive(f)
	var images []Image
	var sinks []*sink
	for _, t := range targets {
		if p := &t.parts[i]; len(p.images) > 0 {
			t.session.send(p.command())
			images, sinks = append(images, p.images...), append(sinks, t.session.sink)
		}
	}
	if err := errors.Join(a.to(sinks), a.entry("oci-layout", int64(len(layoutFile)), strings.NewReader(layoutFile))); err != nil {
		return err
	}
	done := make(map[string]bool)
	for _, blob := range blobs(images) {
		if !done[blob.Digest] {
			done[blob.Digest] = true
			if err := l.feedBlob(ctx, a, targets, i, blob); err != nil {
				return err
			}
		}
	}
	for _, t := range targets {
		if p := &t.parts[i]; len(p.images) > 0 {
			err := errors.Join(a.to([]*sink{t.session.sink}), a.entry("index.json", int64(len(p.index)), bytes.NewReader(p.index)))
			if err != nil {
				return err
			}
		}
	}
	return a.end(sinks)
}

// ready waits until the node has unpacked a part. When it fails, its session has ended, and imported says why.
func (t *target) ready() {
	if after, err := t.session.next(unpackTimeout); err == nil {
		t.kept = t.kept || after.kept
	}
}

// feedBlob sends one blob to the targets that want it with this part, and does not open one that nobody wants.
func (l *Loader) feedBlob(ctx context.Context, a *archive, targets []*target, part int, blob named) error {
	var receivers []*sink
	var wanting []*target
	for _, t := range targets {
		if t.parts[part].wants[blob.Digest] {
			receivers, wanting = append(receivers, t.session.sink), append(wanting, t)
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
		if t.kept || t.after.kept {
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
	for err == nil && after.ready { // the session ended before it was asked for more
		after, err = t.session.next(unpackTimeout)
	}
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
