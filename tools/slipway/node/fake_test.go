package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	content "github.com/containerd/containerd/api/services/content/v1"
	diff "github.com/containerd/containerd/api/services/diff/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// fakeNode is a node whose containerd holds everything in memory and answers as 1.6 does, with its garbage collection: what no
// record and no lease refers to is gone with the next lease that ends.
type fakeNode struct {
	name string
	free int64

	fullAfter int64       // bytes of content after which the disk is full; 0: never
	noUnpack  bool        // snapshots' disk is full
	wrong     bool        // layers unpack to something else
	restarts  int         // so many uploads end by a restart of containerd
	refuse    codes.Code  // answer to everything; OK: none
	stalls    bool        // uploads take nothing after their beginning
	hangs     bool        // layers are never unpacked
	unknown   bool        // the kubelet's runtime takes note of nothing
	recorded  func()      // called when an image is recorded; may be nil
	throw     func() bool // whether content is thrown away as it comes; may be nil

	mu        sync.Mutex
	server    *grpc.Server
	listener  *bufconn.Listener
	records   map[string]*images.Image
	content   map[string][]byte
	labels    map[string]map[string]string // of content
	ingests   map[string]string            // ref → lease
	leases    map[string]map[string]bool   // id → digests, chain ids, keys and refs
	snapshots map[string]string            // chain id → parent
	active    map[string]string            // key → parent
	asked     []string                     // methods so far, without those for single chunks and looks
	stored    []string                     // digests of the blobs that came
	most      int                          // bytes of layers that there were at a time
}

func newFakeNode(name string) *fakeNode {
	return &fakeNode{name: name, free: 1 << 40, records: map[string]*images.Image{}, content: map[string][]byte{}, labels: map[string]map[string]string{},
		ingests: map[string]string{}, leases: map[string]map[string]bool{"pull": {}}, snapshots: map[string]string{}, active: map[string]string{}}
}

func (n *fakeNode) Name() string { return n.name }

func (n *fakeNode) Exec(_ context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	return nil, fmt.Errorf("unexpected command %q", argv)
}

func (n *fakeNode) Space(context.Context, string) (disk.Space, error) {
	return disk.Space{Device: 1, Free: n.free}, nil
}

// Dial starts the server that is not there: at first, and after a restart.
func (n *fakeNode) Dial(ctx context.Context, socket string) (net.Conn, error) {
	if socket != socketPath {
		return nil, fmt.Errorf("unexpected socket %q", socket)
	}
	n.mu.Lock()
	if n.server == nil {
		n.listener = bufconn.Listen(1 << 20)
		n.server = grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.UnaryInterceptor(n.unary), grpc.StreamInterceptor(n.stream))
		images.RegisterImagesServer(n.server, fakeImages{n: n})
		content.RegisterContentServer(n.server, fakeContent{n: n})
		snapshots.RegisterSnapshotsServer(n.server, fakeSnapshots{n: n})
		diff.RegisterDiffServer(n.server, fakeDiff{n: n})
		leases.RegisterLeasesServer(n.server, fakeLeases{n: n})
		go n.server.Serve(n.listener) //nolint:errcheck // it ends with restart or stop
	}
	listener := n.listener
	n.mu.Unlock()
	return listener.DialContext(ctx)
}

// stop ends the server, whose connections break.
func (n *fakeNode) stop() {
	n.mu.Lock()
	server := n.server
	n.server = nil
	n.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

func (n *fakeNode) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if n.refuse != codes.OK {
		return nil, status.Error(n.refuse, "refused")
	}
	if got := metadata.ValueFromIncomingContext(ctx, "containerd-namespace"); !slices.Equal(got, []string{"k8s.io"}) {
		return nil, status.Errorf(codes.InvalidArgument, "namespace %q", got)
	}
	n.note(info.FullMethod)
	n.mu.Lock()
	defer n.mu.Unlock()
	return handle(ctx, request)
}

func (n *fakeNode) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	n.note(info.FullMethod)
	return handle(server, stream)
}

// note remembers "containerd.services.content.v1.Content/Write" as "content write".
func (n *fakeNode) note(method string) {
	service, call, _ := strings.Cut(method[strings.LastIndexByte(method, '.')+1:], "/")
	if name := strings.ToLower(service + " " + call); name != "images get" {
		n.mu.Lock()
		n.asked = append(n.asked, name)
		n.mu.Unlock()
	}
}

// take returns and forgets what was asked so far, without repetitions in a row.
func (n *fakeNode) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.asked = nil }()
	return slices.Compact(n.asked)
}

func lease(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, "containerd-lease"), "")
}

// hold puts something under the request's lease.
func (n *fakeNode) hold(ctx context.Context, what string) {
	if held := n.leases[lease(ctx)]; held != nil {
		held[what] = true
	}
}

// sweep removes what nothing refers to.
func (n *fakeNode) sweep() {
	used := make(map[string]bool)
	var mark func(string)
	mark = func(what string) {
		if what == "" || used[what] {
			return
		}
		used[what] = true
		for name, target := range n.labels[what] {
			if strings.HasPrefix(name, "containerd.io/gc.ref.") {
				mark(target)
			}
		}
		mark(n.snapshots[what])
		mark(n.active[what])
	}
	for _, image := range n.records {
		mark(image.Target.Digest)
	}
	for _, held := range n.leases {
		for what := range held {
			mark(what)
		}
	}
	maps.DeleteFunc(n.content, func(digest string, _ []byte) bool { return !used[digest] })
	maps.DeleteFunc(n.snapshots, func(chain, _ string) bool { return !used[chain] })
	maps.DeleteFunc(n.active, func(key, _ string) bool { return !used[key] })
	maps.DeleteFunc(n.ingests, func(ref, _ string) bool { return !used[ref] })
}

// layerContent is the size of the large blobs.
func (n *fakeNode) layerContent() int {
	size := 0
	for _, data := range n.content {
		if len(data) >= 1<<20 {
			size += len(data)
		}
	}
	return size
}

// has is true when the kubelet could start a container of the image.
func (n *fakeNode) has(image Image) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	chains := chainIDs(image.Descriptor.DiffIDs)
	_, unpacked := n.snapshots[chains[len(chains)-1]]
	return n.records[image.Reference()] != nil && unpacked && n.content[image.Descriptor.Manifest.Digest] != nil &&
		n.content[image.Descriptor.Config.Digest] != nil
}

// rest is what there is beside whole images: leases, and what is half done.
func (n *fakeNode) rest() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var rest []string
	for _, names := range [][]string{slices.Collect(maps.Keys(n.leases)), slices.Collect(maps.Keys(n.ingests)), slices.Collect(maps.Keys(n.active))} {
		rest = append(rest, names...)
	}
	slices.Sort(rest)
	return slices.DeleteFunc(rest, func(name string) bool { return name == "pull" })
}

type fakeImages struct {
	images.UnimplementedImagesServer
	n *fakeNode
}

func (f fakeImages) List(context.Context, *images.ListImagesRequest) (*images.ListImagesResponse, error) {
	return &images.ListImagesResponse{Images: slices.Collect(maps.Values(f.n.records))}, nil
}

func (f fakeImages) Create(_ context.Context, r *images.CreateImageRequest) (*images.CreateImageResponse, error) {
	if f.n.records[r.Image.Name] != nil {
		return nil, status.Error(codes.AlreadyExists, "already exists")
	}
	return &images.CreateImageResponse{Image: r.Image}, f.put(r.Image)
}

func (f fakeImages) Update(_ context.Context, r *images.UpdateImageRequest) (*images.UpdateImageResponse, error) {
	return &images.UpdateImageResponse{Image: r.Image}, f.put(r.Image)
}

// put refuses an image whose parts are not there, which containerd does not.
func (f fakeImages) put(image *images.Image) error {
	var manifest fakeManifest
	var diffIDs []string
	if err := errors.Join(json.Unmarshal(f.n.content[image.Target.Digest], &manifest), json.Unmarshal(f.n.content[manifest.Config.Digest], &diffIDs)); err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	chains := chainIDs(diffIDs)
	if _, ok := f.n.snapshots[chains[len(chains)-1]]; !ok {
		return status.Error(codes.FailedPrecondition, image.Name+" is not unpacked")
	}
	f.n.records[image.Name] = image
	if !f.n.unknown { // the kubelet's runtime does it
		image.Labels = map[string]string{managedLabel: "managed"}
		f.n.records[manifest.Config.Digest] = &images.Image{Name: manifest.Config.Digest, Target: image.Target}
	}
	if f.n.recorded != nil {
		f.n.recorded()
	}
	return nil
}

func (f fakeImages) Get(_ context.Context, r *images.GetImageRequest) (*images.GetImageResponse, error) {
	if image := f.n.records[r.Name]; image != nil {
		return &images.GetImageResponse{Image: image}, nil
	}
	return nil, status.Error(codes.NotFound, "not found")
}

type fakeContent struct {
	content.UnimplementedContentServer
	n *fakeNode
}

func (f fakeContent) List(_ *content.ListContentRequest, stream content.Content_ListServer) error {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	for digest := range f.n.content { // one by one, which is allowed
		if err := stream.Send(&content.ListContentResponse{Info: []*content.Info{{Digest: digest}}}); err != nil {
			return err
		}
	}
	return nil
}

func (f fakeContent) Update(_ context.Context, r *content.UpdateRequest) (*content.UpdateResponse, error) {
	if f.n.content[r.Info.Digest] == nil {
		return nil, status.Error(codes.NotFound, "not found")
	}
	for _, path := range r.UpdateMask.Paths {
		f.n.label(r.Info.Digest, strings.TrimPrefix(path, "labels."), r.Info.Labels)
	}
	return &content.UpdateResponse{Info: r.Info}, nil
}

func (n *fakeNode) label(digest, name string, labels map[string]string) {
	if n.labels[digest] == nil {
		n.labels[digest] = map[string]string{}
	}
	n.labels[digest][name] = labels[name]
}

func (f fakeContent) Delete(_ context.Context, r *content.DeleteContentRequest) (*emptypb.Empty, error) {
	if _, ok := f.n.content[r.Digest]; !ok {
		return nil, status.Error(codes.NotFound, "not found")
	}
	delete(f.n.content, r.Digest)
	return &emptypb.Empty{}, nil
}

func (f fakeContent) Write(stream content.Content_WriteServer) error {
	begin, err := stream.Recv()
	if err != nil || begin.Action != content.WriteAction_STAT {
		return status.Error(codes.InvalidArgument, "no beginning")
	}
	if err := f.begin(stream.Context(), begin); err != nil {
		return err
	}
	if err := stream.Send(&content.WriteContentResponse{Action: begin.Action}); err != nil {
		return err
	}
	if f.n.stalls {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	var data bytes.Buffer
	sum, size := sha256.New(), int64(0)
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if r.Offset != size || r.Action == content.WriteAction_WRITE && len(r.Data) == 0 {
			return status.Errorf(codes.OutOfRange, "offset %d with %d bytes, want %d", r.Offset, len(r.Data), size)
		}
		sum.Write(r.Data)
		size += int64(len(r.Data))
		if f.n.throw == nil || begin.Total < 1<<20 || !f.n.throw() {
			data.Write(r.Data)
		}
		if err := f.fault(stream.Context(), begin, size); err != nil {
			return err
		}
		if r.Action == content.WriteAction_COMMIT {
			if got := fmt.Sprintf("sha256:%x", sum.Sum(nil)); got != begin.Expected || size != begin.Total {
				return status.Errorf(codes.FailedPrecondition, "unexpected commit digest %s", got)
			}
			f.commit(stream.Context(), begin, r.Labels, data.Bytes())
		}
		if err := stream.Send(&content.WriteContentResponse{Action: r.Action, Offset: size}); err != nil || r.Action == content.WriteAction_COMMIT {
			return err
		}
	}
}

func (f fakeContent) begin(ctx context.Context, r *content.WriteContentRequest) error {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	if f.n.leases[lease(ctx)] == nil {
		return status.Errorf(codes.NotFound, "lease %q: not found", lease(ctx))
	}
	if f.n.content[r.Expected] != nil {
		f.n.hold(ctx, r.Expected)
		return status.Error(codes.AlreadyExists, "already exists")
	}
	f.n.ingests[r.Ref] = lease(ctx)
	f.n.hold(ctx, r.Ref)
	return nil
}

// fault breaks an upload.
func (f fakeContent) fault(ctx context.Context, r *content.WriteContentRequest, size int64) error {
	if f.n.fullAfter > 0 && size >= f.n.fullAfter {
		return status.Error(codes.Unknown, "write: no space left on device")
	}
	if f.n.restarts > 0 && r.Total > 1000 {
		f.n.restarts--
		go f.n.stop()
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (f fakeContent) commit(ctx context.Context, r *content.WriteContentRequest, labels map[string]string, data []byte) {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	delete(f.n.ingests, r.Ref)
	f.n.content[r.Expected] = data
	f.n.stored = append(f.n.stored, r.Expected)
	for name := range labels {
		f.n.label(r.Expected, name, labels)
	}
	f.n.hold(ctx, r.Expected)
	f.n.most = max(f.n.most, f.n.layerContent())
}

type fakeSnapshots struct {
	snapshots.UnimplementedSnapshotsServer
	n *fakeNode
}

func (f fakeSnapshots) List(_ *snapshots.ListSnapshotsRequest, stream snapshots.Snapshots_ListServer) error {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	answer := &snapshots.ListSnapshotsResponse{Info: []*snapshots.Info{{Name: "container", Kind: snapshots.Kind_ACTIVE}}}
	for chain := range f.n.snapshots {
		answer.Info = append(answer.Info, &snapshots.Info{Name: chain, Kind: snapshots.Kind_COMMITTED})
	}
	return stream.Send(answer)
}

func (f fakeSnapshots) Prepare(ctx context.Context, r *snapshots.PrepareSnapshotRequest) (*snapshots.PrepareSnapshotResponse, error) {
	if _, ok := f.n.snapshots[r.Parent]; r.Parent != "" && !ok {
		return nil, status.Errorf(codes.NotFound, "parent snapshot %s does not exist", r.Parent)
	}
	f.n.active[r.Key] = r.Parent
	f.n.hold(ctx, r.Key)
	return &snapshots.PrepareSnapshotResponse{Mounts: []*types.Mount{{Source: r.Key}}}, nil
}

func (f fakeSnapshots) Commit(ctx context.Context, r *snapshots.CommitSnapshotRequest) (*emptypb.Empty, error) {
	if _, ok := f.n.snapshots[r.Name]; ok {
		return nil, status.Error(codes.AlreadyExists, "already exists")
	}
	f.n.snapshots[r.Name] = f.n.active[r.Key]
	delete(f.n.active, r.Key)
	f.n.hold(ctx, r.Name)
	return &emptypb.Empty{}, nil
}

type fakeDiff struct {
	diff.UnimplementedDiffServer
	n *fakeNode
}

func (f fakeDiff) Apply(ctx context.Context, r *diff.ApplyRequest) (*diff.ApplyResponse, error) {
	data, ok := f.n.content[r.Diff.Digest]
	switch {
	case f.n.hangs:
		f.n.mu.Unlock()
		<-ctx.Done()
		f.n.mu.Lock()
		return nil, ctx.Err()
	case !ok:
		return nil, status.Errorf(codes.NotFound, "failed to get reader from content store: %s: not found", r.Diff.Digest)
	case f.n.noUnpack:
		return nil, status.Error(codes.Unknown, "failed to extract layer: no space left on device")
	case f.n.wrong:
		data = append(slices.Clone(data), 'x')
	}
	return &diff.ApplyResponse{Applied: &types.Descriptor{Digest: unpackedDigest(data)}}, nil
}

type fakeLeases struct {
	leases.UnimplementedLeasesServer
	n *fakeNode
}

func (f fakeLeases) Create(_ context.Context, r *leases.CreateRequest) (*leases.CreateResponse, error) {
	if f.n.leases[r.ID] != nil || r.Labels["containerd.io/gc.expire"] == "" {
		return nil, status.Error(codes.InvalidArgument, "not a new lease with an end")
	}
	f.n.leases[r.ID] = map[string]bool{}
	return &leases.CreateResponse{Lease: &leases.Lease{ID: r.ID}}, nil
}

func (f fakeLeases) Delete(_ context.Context, r *leases.DeleteRequest) (*emptypb.Empty, error) {
	if f.n.leases[r.ID] == nil {
		return nil, status.Error(codes.NotFound, "not found")
	}
	delete(f.n.leases, r.ID)
	if r.Sync {
		f.n.sweep()
	}
	return &emptypb.Empty{}, nil
}

func (f fakeLeases) List(_ context.Context, r *leases.ListRequest) (*leases.ListResponse, error) {
	if !slices.Equal(r.Filters, []string{`id~="^slipway-"`}) {
		return nil, status.Errorf(codes.InvalidArgument, "unexpected filters %q", r.Filters)
	}
	answer := &leases.ListResponse{}
	for id := range f.n.leases {
		if strings.HasPrefix(id, "slipway-") {
			answer.Leases = append(answer.Leases, &leases.Lease{ID: id})
		}
	}
	return answer, nil
}

func (f fakeLeases) AddResource(_ context.Context, r *leases.AddResourceRequest) (*emptypb.Empty, error) {
	if _, ok := f.n.snapshots[r.Resource.ID]; !ok || r.Resource.Type != "snapshots/overlayfs" {
		return nil, status.Error(codes.NotFound, "not found")
	}
	f.n.leases[r.ID][r.Resource.ID] = true
	return &emptypb.Empty{}, nil
}

type fakeManifest struct {
	Config plan.Blob   `json:"config"`
	Layers []plan.Blob `json:"layers"`
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func unpackedDigest(data []byte) string {
	return digestOf(append([]byte("unpacked "), data...))
}

// fakeImage makes an image whose layers hold the given texts, and puts the layers into blobs.
func fakeImage(t *testing.T, blobs source.Memory, name string, layers ...string) Image {
	t.Helper()
	d := plan.Descriptor{Version: plan.Version, Name: name, Label: "//services/" + name + ":image"}
	for _, text := range layers {
		blob := plan.Blob{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: digestOf([]byte(text)), Size: int64(len(text))}
		blobs[blob.Digest] = []byte(text)
		d.Layers = append(d.Layers, blob)
		d.DiffIDs = append(d.DiffIDs, unpackedDigest([]byte(text)))
	}
	d.Config = fakeJSON(t, "application/vnd.oci.image.config.v1+json", d.DiffIDs)
	d.Manifest = fakeJSON(t, "application/vnd.oci.image.manifest.v1+json", fakeManifest{d.Config.Blob, d.Layers})
	return Image{Descriptor: d, Repository: "kind.local/" + name}
}

func fakeJSON(t *testing.T, mediaType string, value any) plan.Content {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digestOf(data), Size: int64(len(data))}, Data: data}
}
