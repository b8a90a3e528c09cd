package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	// The module's own generation of the protocol, not remote-apis': test/bazelremote, which runs the same module's server in
	// a test, tells why a program can have but one.
	reapi "github.com/buchgr/bazel-remote/v2/genproto/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// largestMessage is what one answer may hold. Servers send 64 KiB to 4 MiB at a time; the default limit is just 4 MiB.
const largestMessage = 16 << 20

// reapiCache is a cache of the Remote Execution API
// (https://github.com/bazelbuild/remote-apis/blob/main/build/bazel/remote/execution/v2/remote_execution.proto): ByteStream
// reads of blobs, compressed by zstd where both sides want it. As in Bazel no proxy of the environment is used.
type reapiCache struct {
	remote
	conn *grpc.ClientConn
}

func openREAPI(c Cache, at endpoint, config *tls.Config) (*reapiCache, error) {
	transport, target := insecure.NewCredentials(), "dns:///"+at.host
	switch at.scheme {
	case "unix":
		target = "unix:" + strings.TrimPrefix(at.host, "//")
	case "grpcs":
		transport = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(transport), grpc.WithNoProxy(),
		grpc.WithUserAgent("slipway"), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage)),
		// The attempts of a stream come fast; the connection must not be slower.
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: dialLimit, Backoff: backoff.Config{BaseDelay: firstWait, Multiplier: 1.6, MaxDelay: time.Second}}))
	if err != nil {
		return nil, fmt.Errorf("checking remote cache %q: %w", at, err)
	}
	f := &reapiFetcher{
		conn: conn, instance: c.Instance, zstd: c.Compression, busy: make(chan struct{}, 1),
		// As gRPC names a service to credentials: without the port that is https's own.
		account: newAccount(c, at, "https://"+strings.TrimSuffix(at.host, ":443")+"/google.bytestream.ByteStream"),
	}
	return &reapiCache{remote: remote{fetcher: f, endpoint: fmt.Sprintf("remote cache %q", at), timeout: c.Timeout}, conn: conn}, nil
}

// Close implements io.Closer.
func (r *reapiCache) Close() error { return r.conn.Close() }

type reapiFetcher struct {
	conn     *grpc.ClientConn
	account  *account
	instance string
	zstd     bool // wanted

	busy    chan struct{}            // holds one token while capabilities are asked for or read
	offered *reapi.CacheCapabilities // nil until the server told
}

// fetch implements fetcher.
func (f *reapiFetcher) fetch(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	headers, err := f.account.headers(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(h.Name), h.Value)
	}
	compressed, err := f.agree(ctx, headers)
	if err != nil {
		return nil, err
	}
	request, err := f.request(blob, offset, compressed)
	if err != nil {
		return nil, err
	}
	stream, err := bytestream.NewByteStreamClient(f.conn).Read(ctx, request)
	if err != nil {
		return nil, f.failed(err, headers)
	}
	chunks := &chunks{stream: stream, explain: func(err error) error { return f.failed(err, headers) }}
	// An absent blob is known with the first message only.
	if err := chunks.receive(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if compressed {
		return decompress(chunks)
	}
	return chunks, nil
}

// request names the blob. An offset counts bytes of the blob itself in either form.
func (f *reapiFetcher) request(blob plan.Blob, offset int64, compressed bool) (*bytestream.ReadRequest, error) {
	hex, err := hexOf(blob)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("blobs/%s/%d", hex, blob.Size)
	if compressed {
		name = "compressed-blobs/zstd" + strings.TrimPrefix(name, "blobs")
	}
	if f.instance != "" {
		name = f.instance + "/" + name
	}
	return &bytestream.ReadRequest{ResourceName: name, ReadOffset: offset}, nil
}

// failed classifies what gRPC says (https://grpc.io/docs/guides/status-codes/).
func (f *reapiFetcher) failed(err error, headers []Header) error {
	s := status.Convert(err)
	answer := &failure{err: fmt.Errorf("%s: %s", s.Code(), scrub(s.Message(), headers))}
	switch s.Code() {
	case codes.NotFound:
		return fs.ErrNotExist
	case codes.Unauthenticated, codes.PermissionDenied:
		answer.err = fmt.Errorf("%s: %w", f.account.refused(), answer.err)
		answer.endpoint, answer.transient = true, f.account.renew()
	case codes.Unavailable:
		answer.endpoint, answer.transient = true, !untrustedText(s.Message())
	case codes.Aborted, codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.ResourceExhausted, codes.Unknown:
		answer.transient = true // cancelled, or out of time, by the server or a proxy: a call here has no deadline
	}
	return answer
}

// chunks makes a reader of a stream of messages.
type chunks struct {
	stream  grpc.ServerStreamingClient[bytestream.ReadResponse]
	explain func(error) error
	data    []byte // of the last message, not yet read
	err     error  // sticky; io.EOF after the last message
}

func (c *chunks) receive() error {
	if c.err != nil {
		return c.err
	}
	message, err := c.stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.explain(err)
	}
	c.data, c.err = message.GetData(), err
	return c.err
}

// Read implements io.Reader.
func (c *chunks) Read(p []byte) (int, error) {
	for len(c.data) == 0 {
		if err := c.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// Close implements io.Closer. The transfer ends by its context.
func (c *chunks) Close() error { return nil }
