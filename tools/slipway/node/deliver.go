package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	importGrace  = 15 * time.Second       // for an import to end by itself after its input was cut off
	cleanTimeout = 20 * time.Second       // for the removal of records in one node
	cleanSettle  = 200 * time.Millisecond // for the kubelet's runtime to follow containerd's events
	cleanRounds  = 5
)

// deliver streams one archive to all targets that need something and verifies it in each of them.
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
	err := l.stream(ctx, needy, step)
	if err != nil {
		err = fmt.Errorf("delivering to kind: %w", err)
		step.Fail(err)
		return err
	}
	step.Done(progress.Bytes(total))
	return nil
}

// stream runs the imports and feeds them. A cause that lies before the nodes is reported once, not once for each node.
func (l *Loader) stream(ctx context.Context, targets []*target, step progress.Step) error {
	f := &fan{sent: step.Add}
	errs := make([]error, len(targets))
	var imports sync.WaitGroup
	for i, t := range targets {
		s := newSink()
		f.all = append(f.all, s)
		imports.Go(func() { errs[i] = l.receive(ctx, t, s) })
	}
	stop := context.AfterFunc(ctx, func() { f.abort(ctx.Err()) })
	defer stop()
	cause := l.feed(ctx, f, targets)
	f.close(cause)
	imports.Wait()
	for i, t := range targets {
		t.bytes = f.all[i].bytes
	}
	if ctx.Err() != nil {
		cause = ctx.Err()
	}
	if errors.Is(cause, errNoReceivers) { // the nodes' own errors say why
		cause = nil
	}
	return errors.Join(append([]error{cause}, errs...)...)
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

// receive imports the stream in one node. An import is not killed: cut off from its input it ends by itself, and only
// then it is known which records there are to remove.
func (l *Loader) receive(ctx context.Context, t *target, s *sink) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(importGrace, cancel) })()
	_, err := t.node.Exec(running, s, "ctr", "-n", "k8s.io", "images", "import", "--snapshotter=overlayfs", "-")
	close(s.left)
	stalled := s.aborted() && errors.Is(s.cause, errStalled)
	early := s.aborted() || ctx.Err() != nil
	if err == nil && !early {
		err = t.verify(ctx)
	}
	switch {
	case early && !stalled:
		err = t.clean(ctx) // the cause is reported once, by stream
	case early:
		err = errors.Join(s.cause, err, t.clean(ctx))
	case err != nil:
		err = errors.Join(err, t.clean(ctx))
	case !l.Archive:
		t.drop(ctx, l.progress())
	}
	if err != nil {
		return fmt.Errorf("node %q: %w", t.node.Name(), err)
	}
	return nil
}

// verify asks whether the images can be run: neither ctr's exit status nor a record is a proof.
func (t *target) verify(ctx context.Context) error {
	after, err := list(ctx, t.node)
	if err != nil {
		return fmt.Errorf("verifying the import: %w", err)
	}
	for _, image := range t.images {
		if !after.complete(image) {
			return fmt.Errorf("verifying the import: %s is not unpacked", image.Reference())
		}
	}
	return nil
}

// drop removes the content of the layers that were sent, now unpacked. A failure costs disk, not the delivery.
func (t *target) drop(ctx context.Context, out progress.Reporter) {
	if len(t.layers) == 0 {
		return
	}
	digests := slices.Sorted(maps.Keys(t.layers))
	_, err := t.node.Exec(ctx, nil, append([]string{"ctr", "-n", "k8s.io", "content", "rm"}, digests...)...)
	if err != nil {
		out.Line("warning: dropping the content of unpacked layers in node %q: %v", t.node.Name(), err)
	}
}

// clean takes back what this attempt left, in its own time when ctx has ended.
func (t *target) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	if err := errors.Join(t.cleanRecords(ctx), t.collect(ctx)); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// cleanRecords removes the attempt's records. It looks again afterwards: the kubelet's runtime answers a new record with
// one of its own, a moment later.
func (t *target) cleanRecords(ctx context.Context) error {
	for range cleanRounds {
		left, err := present(ctx, t.node, t.records())
		if err != nil || len(left) == 0 {
			return err
		}
		argv := append([]string{"ctr", "-n", "k8s.io", "images", "rm"}, left...)
		if _, err := t.node.Exec(ctx, nil, argv...); err != nil {
			return err
		}
		time.Sleep(cleanSettle)
	}
	return fmt.Errorf("the attempt's records are back after %d removals", cleanRounds)
}

// collectScript runs containerd's garbage collection, which ctr knows only as a side effect.
const collectScript = `ctr -n k8s.io leases create --id slipway-clean >/dev/null && ctr -n k8s.io leases rm --sync slipway-clean >/dev/null`

// collect drops the half-received blob. The next import would go on where it ends, even if the source was corrupt then
// and no longer is, and store a blob of another digest.
func (t *target) collect(ctx context.Context) error {
	_, err := t.node.Exec(ctx, nil, "sh", "-c", collectScript)
	return err
}

// present returns those of names that the node has an image record for.
func present(ctx context.Context, node cluster.Node, names []string) ([]string, error) {
	out, err := node.Exec(ctx, nil, "ctr", "-n", "k8s.io", "images", "ls", "-q")
	if err != nil {
		return nil, err
	}
	records := strings.Fields(string(out))
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(records, name) }), nil
}
