package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// Where containerd keeps what it pulled and what it unpacked, below a node's /var.
const (
	contentFolder  = "lib/containerd/io.containerd.content.v1.content"
	snapshotFolder = "lib/containerd/io.containerd.snapshotter.v1.overlayfs"
)

// storage is the folder in which the engine keeps images, containers and volumes.
func (e engine) storage(ctx context.Context) (disk.Folder, error) {
	format := map[engine]string{"docker": "{{.DockerRootDir}}", "podman": "{{.Store.GraphRoot}}"}[e]
	out, err := e.run(ctx, nil, "info", "--format", format)
	if err != nil {
		return disk.Folder{}, err
	}
	path := strings.TrimSpace(string(out))
	return disk.Folder{Name: "engine storage", Path: path, Size: func(ctx context.Context) (int64, error) {
		size, err := disk.Size(ctx, path)
		if errors.Is(err, fs.ErrPermission) { // the folder is root's
			return e.account(ctx)
		}
		return size, err
	}}, nil
}

// account is the engine's own sum, rounded to three digits or so. It does not count what a container writes into a volume that it has
// no name for.
func (e engine) account(ctx context.Context) (int64, error) {
	out, err := e.run(ctx, nil, "system", "df", "--format", "{{json .}}")
	if err != nil {
		return 0, err
	}
	var total int64
	for line := range strings.Lines(string(out)) {
		var row struct{ Size string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return 0, fmt.Errorf("reading the account of %s: %w", e, err)
		}
		size, err := parseSize(row.Size)
		if err != nil {
			return 0, fmt.Errorf("reading the account of %s: %w", e, err)
		}
		total += size
	}
	return total, nil
}

// parseSize reads what docker prints: "1.23GB", "0B"
// (https://pkg.go.dev/github.com/docker/go-units#HumanSize).
func parseSize(text string) (int64, error) {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for i := len(units) - 1; i >= 0; i-- {
		digits, ok := strings.CutSuffix(text, units[i])
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(digits, 64)
		for range i {
			value *= 1000
		}
		return int64(value), err
	}
	return 0, fmt.Errorf("size %q has no unit", text)
}

// Folders are what the nodes keep of images: compressed content and unpacked snapshots.
func (l *Lease) Folders(ctx context.Context) []disk.Folder {
	var folders []disk.Folder
	for _, node := range l.Nodes {
		where := ""
		if c, ok := node.(*container); ok {
			where = c.volume(ctx)
		}
		folders = append(folders, nodeFolder(node, where, "content", contentFolder), nodeFolder(node, where, "snapshots", snapshotFolder))
	}
	return folders
}

// nodeFolder is measured on the host when that can read the node's volume, else in the node, which takes an exec.
func nodeFolder(node Node, volume, what, folder string) disk.Folder {
	f := disk.Folder{Name: what + " of " + node.Name(), Path: "/var/" + folder}
	f.Size = func(ctx context.Context) (int64, error) {
		if volume != "" {
			if size, err := disk.Size(ctx, volume+"/"+folder); err == nil {
				return size, nil
			}
		}
		// du fails when something disappears while it walks, as content does in a delivery, and prints the sum all the same.
		out, err := node.Exec(ctx, nil, "du", "-skx", f.Path)
		sum, _, complete := strings.Cut(string(out), "\t")
		if !complete {
			return 0, cmp.Or(err, errors.New("du prints no sum"))
		}
		kib, err := strconv.ParseInt(sum, 10, 64)
		return kib << 10, err
	}
	return f
}

// volume is the folder of this machine that is the node's /var; "" when the engine does not tell.
func (c *container) volume(ctx context.Context) string {
	format := `{{range .Mounts}}{{if eq .Destination "/var"}}{{.Source}}{{end}}{{end}}`
	out, err := c.engine.run(ctx, nil, "inspect", "--format", format, c.name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
