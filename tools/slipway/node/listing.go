package node

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// listing is what a node holds.
type listing struct {
	records    map[string]bool // image names
	content    map[string]bool // digests of blobs
	snapshots  map[string]bool // chain ids of unpacked layers
	run        string          // another one after each start of containerd
	filesystem string          // device and its size in KiB: the same for nodes on one disk
	device     string
	free       int64  // bytes
	began      string // the node's time, as date +%FT%T prints it
	kept       bool   // not all content that was to be dropped has been
	ready      bool   // it is no listing: the session waits for another part
}

// listingEnd is the last line of a listing.
const listingEnd = "# end\n"

var errCutOff = errors.New("the listing is cut off")

// complete is true when the node can start a container of the image.
func (l *listing) complete(image Image) bool {
	return l.records[image.Reference()] && l.content[image.Descriptor.Manifest.Digest] &&
		l.content[image.Descriptor.Config.Digest] && l.unpacked(image)
}

// unpacked is true when the image's last layer is.
func (l *listing) unpacked(image Image) bool {
	chains := chainIDs(image.Descriptor.DiffIDs)
	return len(chains) == 0 || l.snapshots[chains[len(chains)-1]]
}

func parseListing(text string) (listing, error) {
	if !strings.HasSuffix(text, listingEnd) {
		return listing{}, errCutOff
	}
	l := listing{records: make(map[string]bool), content: make(map[string]bool), snapshots: make(map[string]bool)}
	section := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "#" && len(f) == 2:
			section = f[1]
			l.kept = l.kept || section == "kept"
			l.ready = l.ready || section == "ready"
		default:
			l.add(section, f)
		}
	}
	return l, nil
}

// add takes one line of a section.
func (l *listing) add(section string, f []string) {
	switch {
	case section == "images":
		l.records[f[0]] = true
	case section == "content":
		l.content[f[0]] = true
	case section == "snapshots" && f[len(f)-1] == "Committed":
		l.snapshots[f[0]] = true
	case section == "began":
		l.began = f[0]
	case section == "run":
		l.run = strings.Join(f, " ")
	case section == "disk":
		l.disk(f)
	}
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

// diskHints are for nodes whose disk is full.
func diskHints() []string { return []string{"make clean", "docker system df"} }

// checkSpace compares what the nodes on one disk need together with what is free there.
func checkSpace(targets []*target) error {
	need := make(map[string]int64)
	disks := make(map[string]listing)
	for _, t := range targets {
		if len(t.images) > 0 && t.before.filesystem != "" {
			need[t.before.filesystem] += t.peak()
			disks[t.before.filesystem] = t.before
		}
	}
	var errs []error
	for name, disk := range disks {
		if need[name] > disk.free {
			errs = append(errs, fmt.Errorf("%s needed, %s free on %s", progress.Bytes(need[name]), progress.Bytes(disk.free), disk.device))
		}
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return fault.New(fault.Delivery, errors.Join(errs...), diskHints()...)
}
