package node

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// listScript asks for everything in one exec, which costs more than the four questions in it. It names images by -q: the
// full listing reads every manifest and complains about the content that we dropped.
const listScript = `set -e
echo '# images'; ctr -n k8s.io images ls -q
echo '# content'; ctr -n k8s.io content ls -q
echo '# snapshots'; ctr -n k8s.io snapshots --snapshotter overlayfs ls
echo '# disk'; df -Pk /var/lib/containerd
echo '# end'`

// listing is what a node holds.
type listing struct {
	records    map[string]bool // image names
	content    map[string]bool // digests of blobs
	snapshots  map[string]bool // chain ids of unpacked layers
	filesystem string          // device and its size in KiB: the same for nodes on one disk
	device     string
	free       int64 // bytes
}

// complete is true when the node can start a container of the image.
func (l *listing) complete(image Image) bool {
	chains := chainIDs(image.Descriptor.DiffIDs)
	return l.records[image.Reference()] && l.content[image.Descriptor.Manifest.Digest] &&
		l.content[image.Descriptor.Config.Digest] && (len(chains) == 0 || l.snapshots[chains[len(chains)-1]])
}

func list(ctx context.Context, node cluster.Node) (listing, error) {
	out, err := node.Exec(ctx, nil, "sh", "-c", listScript)
	if err != nil {
		return listing{}, err
	}
	return parseListing(string(out))
}

func parseListing(text string) (listing, error) {
	l := listing{records: make(map[string]bool), content: make(map[string]bool), snapshots: make(map[string]bool)}
	section := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "#" && len(f) == 2:
			section = f[1]
		case section == "images":
			l.records[f[0]] = true
		case section == "content":
			l.content[f[0]] = true
		case section == "snapshots" && f[len(f)-1] == "Committed":
			l.snapshots[f[0]] = true
		case section == "disk":
			l.disk(f)
		}
	}
	if section != "end" {
		return listing{}, errors.New("the listing is cut off")
	}
	return l, nil
}

// disk reads a line of df: device, size, used and available KiB, use, mount point.
func (l *listing) disk(f []string) {
	if len(f) < 4 {
		return
	}
	if free, err := strconv.ParseInt(f[3], 10, 64); err == nil {
		l.device, l.filesystem, l.free = f[0], f[0]+" "+f[1], free<<10
	}
}

// checkSpace compares what the nodes on one disk need together with what is free there.
func checkSpace(targets []*target) error {
	need := make(map[string]int64)
	disks := make(map[string]listing)
	for _, t := range targets {
		if len(t.images) > 0 && t.before.filesystem != "" {
			need[t.before.filesystem] += t.space
			disks[t.before.filesystem] = t.before
		}
	}
	var errs []error
	for name, disk := range disks {
		if need[name] > disk.free {
			errs = append(errs, fmt.Errorf("delivering to kind: %s needed, %s free on %s", progress.Bytes(need[name]), progress.Bytes(disk.free), disk.device))
		}
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return fault.New(fault.Delivery, errors.Join(errs...), "make clean", "docker system df")
}
