package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"sync/atomic"
	"time"

	content "github.com/containerd/containerd/api/services/content/v1"
	diff "github.com/containerd/containerd/api/services/diff/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	socketPath   = "/run/containerd/containerd.sock"
	namespace    = "k8s.io" // of the kubelet
	snapshotter  = "overlayfs"
	leasePrefix  = "slipway-"
	leaseTime    = 24 * time.Hour            // after which containerd drops what a killed delivery has left, when no other one does
	managedLabel = "io.cri-containerd.image" // of a record that the kubelet's runtime has taken note of
)

const (
	askTimeout    = 30 * time.Second // for one answer of a node: milliseconds on an idle machine
	unpackTimeout = 5 * time.Minute  // for a layer to be stored or unpacked: 1 GB took 31 s in all, on two busy cores
	knownTimeout  = 30 * time.Second // for the kubelet's runtime to know an image: milliseconds
	knownPause    = 5 * time.Millisecond
)

// errSilent is a node that does not answer.
var errSilent = errors.New("the node does not answer")

// client speaks with the containerd of one node (https://github.com/containerd/containerd/tree/main/api), under one lease:
// what it brings is kept for as long as that, or an image's record, refers to it. Its methods are safe for concurrent use.
type client struct {
	conn      *grpc.ClientConn
	lease     string
	sent      *atomic.Int64 // bytes of blobs
	dials     *atomic.Int64
	images    images.ImagesClient
	content   content.ContentClient
	snapshots snapshots.SnapshotsClient
	diff      diff.DiffClient
	leases    leases.LeasesClient
}

// dial connects with the first question. A connection that breaks is opened again.
func dial(node cluster.Node) (*client, error) {
	dials := new(atomic.Int64)
	connect := func(ctx context.Context, _ string) (net.Conn, error) {
		dials.Add(1)
		return node.Dial(ctx, socketPath)
	}
	conn, err := grpc.NewClient("passthrough:///"+node.Name(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(connect),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}, MinConnectTimeout: askTimeout,
		}), grpc.WithNoProxy(), grpc.WithDisableServiceConfig())
	if err != nil {
		return nil, err
	}
	return &client{
		conn: conn, lease: leasePrefix + uuid.NewString(), sent: new(atomic.Int64), dials: dials,
		images: images.NewImagesClient(conn), content: content.NewContentClient(conn), snapshots: snapshots.NewSnapshotsClient(conn),
		diff: diff.NewDiffClient(conn), leases: leases.NewLeasesClient(conn),
	}, nil
}

func (c *client) close() { c.conn.Close() }

// lost tells whether an error may be that of a containerd that ended, as its answers in the end and a new connection are.
func (c *client) lost(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.Canceled || c.dials.Load() > 1
}

// ours is a context for requests in our namespace; leased puts what they make under the lease.
func (c *client) ours(ctx context.Context, leased bool) context.Context {
	pairs := []string{"containerd-namespace", namespace}
	if leased {
		pairs = append(pairs, "containerd-lease", c.lease)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// within is ours for requests that must be answered in time.
func (c *client) within(ctx context.Context, limit time.Duration, leased bool) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(c.ours(ctx, leased), limit, silence(limit))
}

func silence(limit time.Duration) error { return fmt.Errorf("%w for %s", errSilent, limit) }

// said is what containerd says of a failure, or why it says nothing.
func said(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ends := ctx.Deadline(); ends && status.Code(err) == codes.DeadlineExceeded {
		<-ctx.Done() // the node's clock for the request was a moment earlier
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var answer interface{ GRPCStatus() *status.Status }
	if errors.As(err, &answer) {
		return &answerError{answer.GRPCStatus()}
	}
	return err
}

// answerError is an error of containerd, without the words that gRPC puts before it.
type answerError struct{ status *status.Status }

func (e *answerError) Error() string              { return e.status.Message() }
func (e *answerError) GRPCStatus() *status.Status { return e.status }

// held is what a node has.
type held struct {
	records   map[string]bool // image names
	content   map[string]bool // digests of blobs
	snapshots map[string]bool // chain ids of unpacked layers
}

// complete is true when the node can start a container of the image.
func (h *held) complete(image Image) bool {
	d := &image.Descriptor
	chains := chainIDs(d.DiffIDs)
	return h.records[image.Reference()] && h.content[d.Manifest.Digest] && h.content[d.Config.Digest] &&
		(len(chains) == 0 || h.snapshots[chains[len(chains)-1]])
}

// list asks for all that the node has.
func (c *client) list(ctx context.Context) (*held, error) {
	ctx, cancel := c.within(ctx, askTimeout, false)
	defer cancel()
	h := &held{records: make(map[string]bool), content: make(map[string]bool), snapshots: make(map[string]bool)}
	records, err := c.images.List(ctx, &images.ListImagesRequest{})
	if err != nil {
		return nil, said(ctx, err)
	}
	for _, image := range records.Images {
		h.records[image.Name] = true
	}
	blobs, err := c.content.List(ctx, &content.ListContentRequest{})
	for err == nil {
		var some *content.ListContentResponse
		if some, err = blobs.Recv(); err == nil {
			for _, info := range some.Info {
				h.content[info.Digest] = true
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, said(ctx, err)
	}
	layers, err := c.snapshots.List(ctx, &snapshots.ListSnapshotsRequest{Snapshotter: snapshotter})
	for err == nil {
		var some *snapshots.ListSnapshotsResponse
		if some, err = layers.Recv(); err == nil {
			for _, info := range some.Info {
				if info.Kind == snapshots.Kind_COMMITTED {
					h.snapshots[info.Name] = true
				}
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, said(ctx, err)
	}
	return h, nil
}

// abandoned removes what deliveries have left that were killed. Nobody else delivers into a leased cluster.
func (c *client) abandoned(ctx context.Context) error {
	ctx, cancel := c.within(ctx, askTimeout, false)
	defer cancel()
	left, err := c.leases.List(ctx, &leases.ListRequest{Filters: []string{`id~="^` + leasePrefix + `"`}})
	for _, lease := range left.GetLeases() {
		if err == nil {
			_, err = c.leases.Delete(ctx, &leases.DeleteRequest{ID: lease.ID, Sync: true})
		}
	}
	return said(ctx, err)
}

// begin makes the lease, which protects the layers that the node has as well: chains are the ids of the topmost ones.
func (c *client) begin(ctx context.Context, chains []string) error {
	ctx, cancel := c.within(ctx, askTimeout, false)
	defer cancel()
	_, err := c.leases.Create(ctx, &leases.CreateRequest{ID: c.lease, Labels: map[string]string{
		"containerd.io/gc.expire": time.Now().Add(leaseTime).UTC().Format(time.RFC3339),
	}})
	for _, chain := range chains {
		if err == nil {
			_, err = c.leases.AddResource(ctx, &leases.AddResourceRequest{ID: c.lease, Resource: &leases.Resource{ID: chain, Type: "snapshots/" + snapshotter}})
		}
	}
	return said(ctx, err)
}

// end gives the lease back. What nothing else refers to is gone then, from the disk as well. It waits for a connection.
func (c *client) end(ctx context.Context, limit time.Duration) error {
	ctx, cancel := c.within(ctx, limit, false)
	defer cancel()
	_, err := c.leases.Delete(ctx, &leases.DeleteRequest{ID: c.lease, Sync: true}, grpc.WaitForReady(true))
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return said(ctx, err)
}

// chunks are a blob's bytes in order, up to its end or an error. A chunk is not changed once it has been given.
type chunks func(context.Context) iter.Seq2[[]byte, error]

// whole is a blob that is in memory.
func whole(data []byte) chunks {
	return func(context.Context) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) { yield(data, nil) }
	}
}

// write stores a blob under its digest, which containerd verifies. A blob that is there gets the labels, and none of its bytes is asked
// for; sent tells. The answers to the single chunks are not waited for.
func (c *client) write(ctx context.Context, blob plan.Blob, labels map[string]string, bytes chunks) (sent bool, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stream, err := c.content.Write(c.ours(ctx, true))
	if err != nil {
		return false, said(ctx, err)
	}
	silent := func(limit time.Duration) *time.Timer { return time.AfterFunc(limit, func() { fail(silence(limit)) }) }
	late := silent(askTimeout)
	request := &content.WriteContentRequest{Action: content.WriteAction_STAT, Ref: c.lease + "/" + blob.Digest, Total: blob.Size, Expected: blob.Digest}
	stream.Send(request) //nolint:errcheck // the answer tells
	_, err = stream.Recv()
	late.Stop()
	if status.Code(err) == codes.AlreadyExists {
		return false, c.label(ctx, blob.Digest, labels)
	}
	if err != nil {
		return false, said(ctx, err)
	}
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		for {
			if answer, err := stream.Recv(); err != nil {
				fail(said(ctx, err))
				return
			} else if answer.Action == content.WriteAction_COMMIT {
				return
			}
		}
	}()
	for chunk, err := range bytes(ctx) {
		request = &content.WriteContentRequest{Action: content.WriteAction_WRITE, Offset: request.Offset + int64(len(request.Data)), Data: chunk}
		if err != nil || stream.Send(request) != nil {
			if err != nil {
				fail(err)
			}
			<-committed
			return false, context.Cause(ctx)
		}
		c.sent.Add(int64(len(chunk)))
	}
	defer silent(unpackTimeout).Stop()
	stream.Send(&content.WriteContentRequest{ //nolint:errcheck // the answer tells
		Action: content.WriteAction_COMMIT, Total: blob.Size, Expected: blob.Digest, Offset: blob.Size, Labels: labels,
	})
	<-committed
	return true, context.Cause(ctx)
}

// label adds labels to a blob that is there.
func (c *client) label(ctx context.Context, digest string, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	ctx, cancel := c.within(ctx, askTimeout, true)
	defer cancel()
	mask := &fieldmaskpb.FieldMask{}
	for name := range labels {
		mask.Paths = append(mask.Paths, "labels."+name)
	}
	_, err := c.content.Update(ctx, &content.UpdateRequest{Info: &content.Info{Digest: digest, Labels: labels}, UpdateMask: mask})
	return said(ctx, err)
}

// unpack makes a layer's snapshot from its content.
func (c *client) unpack(ctx context.Context, l unpacking) error {
	ctx, cancel := c.within(ctx, unpackTimeout, true)
	defer cancel()
	key := "extract-" + c.lease + " " + l.chain
	prepared, err := c.snapshots.Prepare(ctx, &snapshots.PrepareSnapshotRequest{Snapshotter: snapshotter, Key: key, Parent: l.parent})
	if err != nil {
		return said(ctx, err)
	}
	unpacked, err := c.diff.Apply(ctx, &diff.ApplyRequest{Diff: descriptor(l.layer), Mounts: prepared.Mounts})
	if err != nil {
		return said(ctx, err)
	}
	if got := unpacked.Applied.GetDigest(); got != l.diffID {
		return fmt.Errorf("layer %s unpacks to %s, its image's configuration has %s", l.layer.Digest, got, l.diffID)
	}
	_, err = c.snapshots.Commit(ctx, &snapshots.CommitSnapshotRequest{Snapshotter: snapshotter, Key: key, Name: l.chain})
	if status.Code(err) == codes.AlreadyExists {
		return nil // the lease's end removes ours
	}
	return said(ctx, err)
}

func descriptor(blob plan.Blob) *types.Descriptor {
	return &types.Descriptor{MediaType: blob.MediaType, Digest: blob.Digest, Size: blob.Size}
}

// drop removes the content of layers. It takes disk until a garbage collection: collect, or the lease's end.
func (c *client) drop(ctx context.Context, layers []plan.Blob) error {
	ctx, cancel := c.within(ctx, askTimeout, false)
	defer cancel()
	for _, layer := range layers {
		if _, err := c.content.Delete(ctx, &content.DeleteContentRequest{Digest: layer.Digest}); err != nil && status.Code(err) != codes.NotFound {
			return said(ctx, err)
		}
	}
	return nil
}

// collect runs containerd's garbage collection, which its API knows only as a side effect.
func (c *client) collect(ctx context.Context) error {
	other := *c
	other.lease += "-collect"
	if err := other.begin(ctx, nil); err != nil {
		return err
	}
	return other.end(ctx, askTimeout)
}

// record makes the image's record, when all that it refers to is there, and waits until the kubelet's runtime knows it.
func (c *client) record(ctx context.Context, image Image) error {
	d := &image.Descriptor
	if err := c.refer(ctx, d); err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, knownTimeout, true)
	defer cancel()
	named := &images.Image{Name: image.Reference(), Target: descriptor(d.Manifest.Blob)}
	_, err := c.images.Create(ctx, &images.CreateImageRequest{Image: named})
	if status.Code(err) == codes.AlreadyExists {
		_, err = c.images.Update(ctx, &images.UpdateImageRequest{Image: named})
	}
	for err == nil {
		var answer *images.GetImageResponse
		if answer, err = c.images.Get(ctx, &images.GetImageRequest{Name: named.Name}); err == nil {
			if answer.Image.Labels[managedLabel] != "" {
				return nil
			}
			select {
			case <-time.After(knownPause):
			case <-ctx.Done():
			}
		}
	}
	return fmt.Errorf("recording %s: %w", named.Name, said(ctx, err))
}

// refer stores manifest and configuration with the references by which containerd's garbage collection finds what belongs to them
// (https://github.com/containerd/containerd/blob/main/docs/garbage-collection.md).
func (c *client) refer(ctx context.Context, d *plan.Descriptor) error {
	config := map[string]string{}
	if chains := chainIDs(d.DiffIDs); len(chains) > 0 {
		config["containerd.io/gc.ref.snapshot."+snapshotter] = chains[len(chains)-1]
	}
	manifest := map[string]string{"containerd.io/gc.ref.content.config": d.Config.Digest}
	for i, layer := range d.Layers {
		manifest[fmt.Sprint("containerd.io/gc.ref.content.l.", i)] = layer.Digest
	}
	if _, err := c.write(ctx, d.Config.Blob, config, whole(d.Config.Data)); err != nil {
		return fmt.Errorf("storing the configuration of %s: %w", d.Label, err)
	}
	if _, err := c.write(ctx, d.Manifest.Blob, manifest, whole(d.Manifest.Data)); err != nil {
		return fmt.Errorf("storing the manifest of %s: %w", d.Label, err)
	}
	return nil
}
