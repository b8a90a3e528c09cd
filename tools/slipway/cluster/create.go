package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// kindConfig is kind's configuration of one cluster.
type kindConfig = *v1alpha4.Cluster

// portAttempts is how often a creation starts over with other host ports: a port that the kernel called free can be
// taken by another process before the engine binds it.
const portAttempts = 3

// parseKind reads a kind configuration strictly: an unknown field is an error.
// Empty input is kind's default, one node.
func parseKind(data []byte) (kindConfig, error) {
	cfg := &v1alpha4.Cluster{}
	if len(bytes.TrimSpace(data)) == 0 {
		cfg.TypeMeta = v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"}
	} else {
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		if err := decoder.Decode(cfg); err != nil {
			return nil, fault.New(fault.Usage, fmt.Errorf("parsing kind configuration: %w", err))
		}
	}
	if cfg.Kind != "Cluster" || cfg.APIVersion != "kind.x-k8s.io/v1alpha4" {
		return nil, fault.New(fault.Usage, fmt.Errorf("parsing kind configuration: kind %q of %q is not Cluster of kind.x-k8s.io/v1alpha4", cfg.Kind, cfg.APIVersion))
	}
	v1alpha4.SetDefaultsCluster(cfg)
	return cfg, nil
}

// create makes the cluster; on failure nothing of it is left but its logs.
func (m *manager) create(ctx context.Context, name string) (*Lease, error) {
	step := m.cfg.Progress.Step("cluster "+name, 0)
	s := state{Version: leaseVersion, State: stateCreating, Config: m.hash(), Created: time.Now().UTC()}
	nodes, err := m.build(ctx, name, &s)
	if err == nil {
		s.State = stateInUse
		err = m.write(name, s)
	}
	if err != nil {
		err = m.abandon(ctx, name, err)
		step.Fail(err)
		return nil, err
	}
	step.Done("created, " + progress.Count(len(nodes), "node"))
	return m.lease(name, nodes, s, false), nil
}

func (m *manager) build(ctx context.Context, name string, s *state) ([]Node, error) {
	if err := m.write(name, *s); err != nil {
		return nil, err
	}
	if err := m.createWithPorts(ctx, name, s); err != nil {
		return nil, err
	}
	nodes, _, err := m.backend.Nodes(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.Gateway, err = gateway(ctx, nodes); err != nil {
		return nil, err
	}
	return nodes, m.settle(ctx, m.path(name, ".kubeconfig"), len(nodes))
}

func (m *manager) createWithPorts(ctx context.Context, name string, s *state) error {
	for attempt := 1; ; attempt++ {
		free, err := freePorts(m.cfg.Ports)
		if err != nil {
			return err
		}
		cfg := m.kind.DeepCopy()
		s.Ports = mapPorts(cfg, m.cfg.Image.Reference, free)
		err = m.backend.Create(ctx, name, m.path(name, ".kubeconfig"), cfg)
		if err == nil || attempt == portAttempts || ctx.Err() != nil || !portTaken(err) {
			return err
		}
		m.cfg.Progress.Line("a host port of cluster %s was taken meanwhile: creating it again", name)
		if err := m.backend.Delete(ctx, name); err != nil {
			return err
		}
	}
}

// abandon exports the logs of a half-made cluster and deletes it, within its own time when ctx has ended.
func (m *manager) abandon(ctx context.Context, name string, cause error) error {
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	var errs []error
	if m.cfg.Logs != "" && !interrupted {
		dir := filepath.Join(m.cfg.Logs, name)
		if nodes, _, err := m.backend.Nodes(ctx, name); err == nil && len(nodes) > 0 {
			errs = append(errs, exportNodes(ctx, nodes, dir, true))
			cause = fault.New(fault.Delivery, cause, append(fault.Hints(cause), "ls -R "+dir)...)
		}
	}
	errs = append(errs, m.remove(ctx, name))
	if err := errors.Join(errs...); err != nil {
		m.cfg.Progress.Line("slipway: warning: cleaning up cluster %s: %s", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return cause
}

// mapPorts sets the image of all nodes and maps the pool's first NodePorts to the host ports on the first node.
func mapPorts(cfg kindConfig, image string, free []int32) map[int32]int32 {
	for i := range cfg.Nodes {
		cfg.Nodes[i].Image = image
	}
	ports := make(map[int32]int32, len(free))
	node := controlPlane(cfg)
	for i, host := range free {
		port := FirstNodePort + int32(i)
		ports[port] = host
		node.ExtraPortMappings = append(node.ExtraPortMappings,
			v1alpha4.PortMapping{ContainerPort: port, HostPort: host, ListenAddress: "127.0.0.1", Protocol: v1alpha4.PortMappingProtocolTCP})
	}
	return ports
}

func controlPlane(cfg kindConfig) *v1alpha4.Node {
	for i := range cfg.Nodes {
		if cfg.Nodes[i].Role == v1alpha4.ControlPlaneRole {
			return &cfg.Nodes[i]
		}
	}
	return &cfg.Nodes[0]
}

// freePorts returns n ports of 127.0.0.1 that the kernel called free while all of them were held.
func freePorts(n int) ([]int32, error) {
	ports := make([]int32, 0, n)
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free host port: %w", err)
		}
		defer l.Close()
		ports = append(ports, int32(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

// portTaken recognizes the engines' messages; they have no code for it.
func portTaken(err error) bool {
	text := strings.ToLower(err.Error())
	for _, s := range []string{"port is already allocated", "address already in use", "ports are not available"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// gateway asks the first node for its default route's gateway: the host's address on the nodes' bridge, on every engine.
func gateway(ctx context.Context, nodes []Node) (string, error) {
	if len(nodes) == 0 {
		return "", errors.New("looking for the nodes' gateway: the cluster has no nodes")
	}
	out, err := nodes[0].Exec(ctx, nil, "ip", "-4", "route", "show", "default")
	if err != nil {
		return "", fmt.Errorf("looking for the nodes' gateway: %w", err)
	}
	fields := strings.Fields(string(out))
	for i := 0; i+1 < len(fields); i++ {
		if fields[i] == "via" && net.ParseIP(fields[i+1]) != nil {
			return fields[i+1], nil
		}
	}
	return "", fmt.Errorf("looking for the nodes' gateway: no default route in %q", out)
}
