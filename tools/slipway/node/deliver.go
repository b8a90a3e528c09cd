package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	cleanTimeout = 20 * time.Second // for the clean-up in one node once the delivery is interrupted
	awakeTimeout = 60 * time.Second // for a node that is restarted to answer again: 8 s on an idle machine
	collectBytes = 8 << 20          // of dropped content: when so many have come together they are taken off the disk
)

// deliver streams the layers to all targets that need something and makes their images. It returns a cause that lies before the
// nodes; what failed in a node is the target's.
func (l *Loader) deliver(ctx context.Context, targets []*target, images []Image) error {
	needy := slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return len(t.images) == 0 })
	if len(needy) == 0 {
		return nil
	}
	var total int64
	for _, t := range needy {
		total += t.size()
	}
	step := l.progress().Step("streaming to "+progress.Count(len(needy), "node"), total)
	cause := l.stream(ctx, needy, images, step)
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

// stream feeds the nodes and waits for them. A cause that lies before the nodes is reported once, not once for each.
func (l *Loader) stream(ctx context.Context, targets []*target, images []Image, step progress.Step) error {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var nodes sync.WaitGroup
	for _, t := range targets {
		t.ctx, t.fail = context.WithCancelCause(running)
		t.blobs = make(chan *sink)
		nodes.Go(func() { t.err = l.receive(ctx, running, t) })
	}
	if err := l.feed(running, targets, images, step); err != nil {
		stop(err)
	}
	for _, t := range targets {
		close(t.blobs)
	}
	nodes.Wait()
	return context.Cause(running)
}

// feed reads each layer once, for all nodes that want it.
func (l *Loader) feed(ctx context.Context, targets []*target, images []Image, step progress.Step) error {
	for _, layer := range layers(images) {
		f := &fan{sent: step.Add}
		for _, t := range targets {
			if t.layers[layer.Digest] {
				t.offer(f, layer)
			}
		}
		if len(f.sinks) == 0 {
			continue
		}
		if err := l.feedLayer(ctx, f, layer); errors.Is(err, errNoReceivers) {
			continue // their own errors say why
		} else if err != nil {
			return err
		}
		f.end()
	}
	return ctx.Err()
}

// offer waits until the node takes a layer.
func (t *target) offer(f *fan, layer named) {
	s := newSink(t, layer)
	select {
	case t.blobs <- s:
		f.sinks = append(f.sinks, s)
	case <-t.ctx.Done():
	}
}

func (l *Loader) feedLayer(ctx context.Context, f *fan, layer named) error {
	content, err := l.Blobs.Open(ctx, layer.Blob)
	if err != nil {
		return fmt.Errorf("opening a blob of %s: %w", layer.label, err)
	}
	defer content.Close()
	if _, err := io.CopyBuffer(f, struct{ io.Reader }{content}, make([]byte, chunkBytes)); err != nil {
		return fmt.Errorf("streaming a blob of %s: %w", layer.label, err)
	}
	return nil
}

// receive makes the images of one node, and takes back what is half done when that fails. running ends when the delivery does for
// all nodes, and ctx when it is interrupted.
func (l *Loader) receive(ctx, running context.Context, t *target) error {
	err := t.make()
	limit := awakeTimeout
	if ctx.Err() != nil {
		limit = cleanTimeout
	}
	left := t.client.end(context.WithoutCancel(ctx), limit)
	t.bytes = t.client.sent.Load()
	switch {
	case running.Err() != nil:
		err = nil // stream reports it
	case err != nil:
		t.restarted = left == nil && t.client.lost(err)
		err = fmt.Errorf("importing: %w", err)
	}
	if left != nil {
		left = fmt.Errorf("cleaning up: %w", left)
	}
	if err = errors.Join(err, left); err == nil {
		return nil
	}
	if t.restarted {
		err = fmt.Errorf("restarted while it took the images: %w", err)
	}
	return fmt.Errorf("node %q: %w", t.node.Name(), err)
}

// make stores the layers as they come, and unpacks one while the next one comes.
func (t *target) make() error {
	err := t.client.abandoned(t.ctx)
	if err == nil {
		err = t.client.begin(t.ctx, t.protected())
	}
	if err != nil {
		t.fail(err)
		return context.Cause(t.ctx)
	}
	stored := make(chan string)
	var both errgroup.Group
	for _, work := range []func(chan string) error{t.store, t.follow} {
		both.Go(func() error {
			err := work(stored)
			if err != nil {
				t.fail(err)
			}
			return err
		})
	}
	if both.Wait() != nil {
		return context.Cause(t.ctx)
	}
	return nil
}

// store stores the layers.
func (t *target) store(stored chan string) error {
	defer close(stored)
	for s := range t.blobs {
		sent, err := t.client.write(t.ctx, s.blob.Blob, nil, s.all)
		if err != nil {
			return err
		}
		if sent {
			t.layersSent++
			t.layerBytes += s.blob.Size
		} else { // it has come by another way since the node was asked; the other nodes still read it
			for range s.all(t.ctx) {
			}
		}
		select {
		case stored <- s.blob.Digest:
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		}
	}
	return nil
}

// follow does the steps, each when its layer has been stored.
func (t *target) follow(stored chan string) error {
	here := make(map[string]bool)
	var dropped int64
	for _, s := range t.steps {
		for t.layers[s.layer.Digest] && !here[s.layer.Digest] {
			digest, more := <-stored
			if !more {
				return context.Cause(t.ctx)
			}
			here[digest] = true
		}
		if err := t.client.do(t.ctx, s); err != nil {
			return err
		}
		for _, layer := range s.drop {
			dropped += layer.Size
		}
		if dropped >= collectBytes {
			dropped = 0
			if err := t.client.collect(t.ctx); err != nil {
				return err
			}
		}
	}
	for range stored { // those of a whole archive that are unpacked already
	}
	return nil
}

func (c *client) do(ctx context.Context, s step) error {
	var err error
	if s.image != nil {
		err = c.record(ctx, *s.image)
	} else {
		err = c.unpack(ctx, s.unpacking)
	}
	if err == nil {
		err = c.drop(ctx, s.drop)
	}
	return err
}
