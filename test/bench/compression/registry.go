package compression

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/test/bench/kindnode"
	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
)

// remote is an empty registry behind a link. It listens on loopback; nodes reach it through a relay, over the same link.
type remote struct {
	host   string // "127.0.0.1:40123"
	server *http.Server
	done   chan struct{}
	stop   func() // of the relay
}

func startRegistry(ctx context.Context, c *kindnode.Cluster, l link) (*remote, error) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r := &remote{host: inner.Addr().String(), server: &http.Server{Handler: handler}, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.server.Serve(listener{inner, &pace{rate: l.rate}, &pace{rate: l.rate}}) //nolint:errcheck // ends by Close
	}()
	addr, stop, err := cluster.Relay(ctx, c.Gateway(), r.host)
	if err != nil {
		r.stop = func() {}
		r.close()
		return nil, err
	}
	r.stop = stop
	if err := node.Trust(ctx, c.Nodes(1), r.host, "http://"+addr); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *remote) close() {
	r.stop()
	r.server.Close()
	<-r.done
}

// pull is what the kubelet's runtime does, by containerd's own client: fetch, unpack, and drop the layers' content, as
// discard_unpacked_layers says in kind's nodes.
func pull(ctx context.Context, n cluster.Node, reference string) error {
	_, err := n.Exec(ctx, nil, "ctr", "-n", "k8s.io", "images", "pull", "--hosts-dir=/etc/containerd/certs.d", "--snapshotter=overlayfs", reference)
	if err != nil {
		return fmt.Errorf("pulling %q: %w", reference, err)
	}
	return nil
}

// drop deletes the content of unpacked layers.
func drop(ctx context.Context, n cluster.Node, v variant) error {
	argv := []string{"ctr", "-n", "k8s.io", "content", "rm"}
	for _, l := range v.descriptor.Layers {
		argv = append(argv, l.Digest)
	}
	_, err := n.Exec(ctx, nil, argv...)
	return err
}

// forget removes what Trust wrote.
func forget(ctx context.Context, n cluster.Node, host string) error {
	if strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%q is no host", host)
	}
	_, err := n.Exec(ctx, nil, "rm", "-r", "/etc/containerd/certs.d/"+host)
	return err
}
