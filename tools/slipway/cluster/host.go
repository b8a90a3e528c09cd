package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	kind "sigs.k8s.io/kind/pkg/cluster"
	kindexec "sigs.k8s.io/kind/pkg/exec"
	"sigs.k8s.io/kind/pkg/log"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// offlineImages is the repository of node images that the offline tool set builds. They exist in the local engine alone.
const offlineImages = "kubernaut/node:"

// Labels that kind gives its containers.
const (
	clusterLabel = "io.x-k8s.kind.cluster"
	roleLabel    = "io.x-k8s.kind.role"
)

// kindHost is the backend on this machine's container engine. kind creates; the rest talks to the engine itself, because
// kind's package knows no contexts.
type kindHost struct {
	engine   engine
	image    plan.NodeImage
	hook     []string // starts an engine, and gives it the node image of the offline tool set
	progress progress.Reporter
}

// offline is true for a node image that no registry has.
func (h *kindHost) offline() bool { return strings.HasPrefix(h.image.Reference, offlineImages) }

// ensureImage brings the node image into the engine, which kind would do without showing it and without an end by ctx.
func (h *kindHost) ensureImage(ctx context.Context) error {
	if h.hasImage(ctx) {
		return nil
	}
	if h.offline() {
		return h.makeImage(ctx)
	}
	step := h.progress.Step("node image "+h.image.Reference, 0)
	if _, err := h.engine.run(ctx, nil, "pull", "--quiet", h.image.Reference); err != nil {
		step.Fail(err)
		return fault.New(fault.Delivery, fmt.Errorf("pulling node image: %w", err), string(h.engine)+" pull "+h.image.Reference)
	}
	step.Done("pulled")
	return nil
}

func (h *kindHost) hasImage(ctx context.Context) bool {
	_, err := h.engine.run(ctx, nil, "image", "inspect", "--format", "{{.Id}}", h.image.Reference)
	return err == nil
}

// makeImage lets the tool set load its image. The engine loses it to the tool set of another checkout, which keeps its own alone.
func (h *kindHost) makeImage(ctx context.Context) error {
	var err error
	if len(h.hook) > 0 {
		if err = runHook(ctx, h.hook, h.progress, "node image"); err == nil && h.hasImage(ctx) {
			return nil
		}
	}
	missing := fmt.Errorf("node image %q is not in %s, and no registry has it: the offline tool set makes it", h.image.Reference, h.engine)
	return fault.New(fault.Delivery, errors.Join(missing, err), "tools/bazelw --engine start")
}

// contain verifies the rules without which no cluster of the offline image may run.
func (h *kindHost) contain(ctx context.Context) error {
	if !h.offline() {
		return nil
	}
	if err := contained(ctx, h.rules); err != nil {
		return fault.New(fault.Delivery, err, "tools/bazelw --engine start")
	}
	format := map[engine]string{"docker": "{{.EnableIPv6}}", "podman": "{{.IPv6Enabled}}"}[h.engine]
	out, err := h.engine.run(ctx, nil, "network", "inspect", "kind", "--format", format)
	if err == nil {
		if strings.TrimSpace(string(out)) == "true" {
			return fault.New(fault.Delivery, errors.New("network \"kind\" has IPv6 addresses, which the containment rule does not cover"), string(h.engine)+" network rm kind")
		}
		return nil
	}
	if _, err := h.engine.run(ctx, nil, "network", "create", "-d", "bridge", "kind"); err != nil {
		return fault.New(fault.Delivery, fmt.Errorf("creating network \"kind\": %w", err))
	}
	return nil
}

// rules lists the filter rules of the host's network. A user who may not, asks through a container of the node image.
func (h *kindHost) rules(ctx context.Context) ([]byte, error) {
	out, err := hostRules(ctx)
	if err == nil {
		return out, nil
	}
	out, inner := h.engine.run(ctx, nil, "run", "--rm", "--privileged", "--network=host", "--entrypoint", "iptables", h.image.Reference, "-S")
	if inner != nil {
		return nil, errors.Join(err, inner)
	}
	return out, nil
}

// Create implements backend. When ctx ends it deletes the containers under kind's feet until kind gives up.
func (h *kindHost) Create(ctx context.Context, name, kubeconfig string, cfg kindConfig) error {
	if err := h.ensureImage(ctx); err != nil {
		return err
	}
	provider := kind.NewProvider(kind.ProviderWithLogger(log.NoopLogger{}), h.runtime())
	done := make(chan error, 1)
	go func() {
		done <- provider.Create(name, kind.CreateWithV1Alpha4Config(cfg), kind.CreateWithKubeconfigPath(kubeconfig),
			kind.CreateWithRetain(true), kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false))
	}()
	select {
	case err := <-done:
		return describe(err)
	case <-ctx.Done():
		return errors.Join(ctx.Err(), h.abort(context.WithoutCancel(ctx), name, done))
	}
}

// abortTimeout bounds the wait for kind after its containers are gone.
const abortTimeout = 60 * time.Second

func (h *kindHost) abort(ctx context.Context, name string, done <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, abortTimeout)
	defer cancel()
	for {
		err := h.Delete(ctx, name)
		select {
		case <-done:
			return err
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("waiting for kind to stop: %w", ctx.Err()))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (h *kindHost) runtime() kind.ProviderOption {
	if h.engine == "podman" {
		return kind.ProviderWithPodman()
	}
	return kind.ProviderWithDocker()
}

// describe adds the failed command's output, which kind's own error text lacks.
func describe(err error) error {
	if err == nil {
		return nil
	}
	if failed := kindexec.RunErrorForError(err); failed != nil {
		end := &tail{limit: tailBytes}
		end.Write(failed.Output)
		return fmt.Errorf("%w: %s", err, end)
	}
	return err
}

// Delete implements backend.
func (h *kindHost) Delete(ctx context.Context, name string) error {
	out, err := h.engine.run(ctx, nil, "ps", "-aq", "--filter", "label="+clusterLabel+"="+name)
	if err != nil {
		return err
	}
	ids := strings.Fields(string(out))
	if len(ids) == 0 {
		return nil
	}
	_, err = h.engine.run(ctx, nil, append([]string{"rm", "-f", "-v"}, ids...)...)
	return err
}

// Nodes implements backend. The external load balancer of several control planes is not a node.
func (h *kindHost) Nodes(ctx context.Context, name string) ([]Node, bool, error) {
	out, err := h.engine.run(ctx, nil, "ps", "-a", "--filter", "label="+clusterLabel+"="+name,
		"--format", `{{.Names}} {{.State}} {{.Label "`+roleLabel+`"}}`)
	if err != nil {
		return nil, false, fmt.Errorf("listing the nodes of cluster %q: %w", name, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	sort.SliceStable(lines, func(i, j int) bool { return rank(lines[i]) < rank(lines[j]) })
	var nodes []Node
	shared := &roots{engine: h.engine}
	running := true
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] == "external-load-balancer" {
			continue
		}
		nodes = append(nodes, &container{engine: h.engine, name: fields[0], roots: shared})
		shared.names = append(shared.names, fields[0])
		running = running && fields[1] == "running"
	}
	return nodes, running, nil
}

// rank orders control planes before workers, by name among themselves.
func rank(line string) string {
	if strings.HasSuffix(line, " control-plane") {
		return "0" + line
	}
	return "1" + line
}

// container is a node as a container of the engine.
type container struct {
	engine engine
	name   string
	roots  *roots
}

func (c *container) Name() string { return c.name }

func (c *container) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	return run(ctx, stdin, c.exec(stdin != nil, argv)...)
}

// exec is the engine's command that runs argv in the node.
func (c *container) exec(input bool, argv []string) []string {
	args := []string{string(c.engine), "exec", "--privileged"} // as kind does: mounts and snapshots need it
	if input {
		args = append(args, "-i")
	}
	return append(append(args, c.name), argv...)
}

// Serial returns what the node's init wrote to its console, also of a container that does not run.
func (c *container) Serial(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	cmd := command(ctx, string(c.engine), "logs", c.name)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}
