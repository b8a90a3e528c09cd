package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
)

const (
	cleanTimeout = 20 * time.Second       // for the clean-up in one node once the delivery is interrupted
	awakeTimeout = 60 * time.Second       // for a node that is restarted to answer again: 8 s on an idle machine
	awakePause   = 500 * time.Millisecond // between two questions whether it does
	cleanSettle  = 200 * time.Millisecond // for the kubelet's runtime to follow containerd's events
	cleanRounds  = 5
)

// clean takes back what this attempt left, once the node answers, and notes whether containerd was restarted meanwhile. It
// works in its own time when ctx has ended.
func (t *target) clean(ctx context.Context) error {
	limit := awakeTimeout
	if ctx.Err() != nil {
		limit = cleanTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	run, err := t.awake(ctx)
	if err != nil {
		return fmt.Errorf("cleaning up: %w for %s: %w", errSilent, limit, err)
	}
	t.restarted = run != t.before.run
	if err := errors.Join(t.cleanRecords(ctx), t.cleanLeases(ctx), t.collect(ctx)); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// awakeScript says which run of containerd answers.
const awakeScript = `ctr -n k8s.io version >/dev/null && stat -c '%i %Z' /run/containerd/containerd.sock`

// awake waits until containerd answers and returns its run, as a listing has it.
func (t *target) awake(ctx context.Context) (string, error) {
	for {
		out, err := t.exec(ctx, "sh", "-c", awakeScript)
		if err == nil {
			return strings.TrimSpace(string(out)), nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(awakePause):
		}
	}
}

// exec runs a command in the node. Its errors hold what the command said.
func (t *target) exec(ctx context.Context, argv ...string) ([]byte, error) {
	out, err := t.node.Exec(ctx, nil, argv...)
	return out, said(err)
}

// cleanRecords removes the attempt's records. It looks again afterwards: the kubelet's runtime answers a new record with
// one of its own, a moment later.
func (t *target) cleanRecords(ctx context.Context) error {
	for range cleanRounds {
		left, err := present(ctx, t.node, t.records())
		if err != nil || len(left) == 0 {
			return err
		}
		if _, err := t.exec(ctx, append([]string{"ctr", "-n", "k8s.io", "images", "rm"}, left...)...); err != nil {
			return err
		}
		time.Sleep(cleanSettle)
	}
	return fmt.Errorf("the attempt's records are back after %d removals", cleanRounds)
}

// leasesScript removes all leases since a time, one that has just ended among them.
const leasesScript = `for lease in $(ctr -n k8s.io leases ls | awk -v began="$1" 'NR > 1 && substr($2, 1, 19) >= began { print $1 }'); do
ctr -n k8s.io leases rm "$lease" >/dev/null || true
done`

// cleanLeases removes the lease of an import that was killed, which would keep its part of the content for a day. A lease
// does not say whose it is, so all go that were made since the session began; nobody else imports into a leased cluster,
// and a pull of the kubelet's that is hit is tried again.
func (t *target) cleanLeases(ctx context.Context) error {
	_, err := t.exec(ctx, "sh", "-c", leasesScript, "sh", t.before.began)
	return err
}

// collectScript runs containerd's garbage collection, which ctr knows only as a side effect.
const collectScript = `ctr -n k8s.io leases create --id slipway-$$ >/dev/null && ctr -n k8s.io leases rm --sync slipway-$$ >/dev/null`

// collect drops the half-received blob. The next import would go on where it ends, even if the source was corrupt then
// and no longer is, and store a blob of another digest.
func (t *target) collect(ctx context.Context) error {
	_, err := t.exec(ctx, "sh", "-c", collectScript)
	return err
}

// present returns those of names that the node has an image record for.
func present(ctx context.Context, node cluster.Node, names []string) ([]string, error) {
	out, err := node.Exec(ctx, nil, "ctr", "-n", "k8s.io", "images", "ls", "-q")
	if err != nil {
		return nil, said(err)
	}
	records := strings.Fields(string(out))
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(records, name) }), nil
}
