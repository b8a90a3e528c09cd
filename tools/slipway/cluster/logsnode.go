package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
)

// exportNodes writes the journals of all nodes at once, with pods also the container logs that the kubelet keeps.
func exportNodes(ctx context.Context, nodes []Node, dir string, pods bool) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			if err := exportNode(ctx, node, filepath.Join(dir, node.Name()), pods); err != nil {
				errs[i] = fmt.Errorf("node %q: %w", node.Name(), err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func exportNode(ctx context.Context, node Node, dir string, pods bool) error {
	var errs []error
	for _, unit := range []string{"kubelet", "containerd"} {
		out, err := node.Exec(ctx, nil, "journalctl", "--no-pager", "-o", "short-precise", "-u", unit+".service")
		errs = append(errs, err, writeFile(filepath.Join(dir, unit+".log"), out))
	}
	if console, ok := node.(interface {
		Serial(context.Context) ([]byte, error)
	}); ok {
		out, err := console.Serial(ctx)
		errs = append(errs, err, writeFile(filepath.Join(dir, "serial.log"), out))
	}
	if pods {
		errs = append(errs, exportPodFiles(ctx, node, dir))
	}
	return errors.Join(errs...)
}

// exportPodFiles copies /var/log/pods. The archive is cut at 64 MiB a node: it is held in memory.
func exportPodFiles(ctx context.Context, node Node, dir string) error {
	out, err := node.Exec(ctx, nil, "sh", "-c", "cd /var/log && tar -chf - pods 2>/dev/null | head -c 67108864")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return untar(root, bytes.NewReader(out))
}

// untar writes regular files below root, whatever their names say. A cut archive ends it in order.
func untar(root *os.Root, r io.Reader) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := untarFile(root, path.Clean(header.Name), archive); err != nil {
			return err
		}
	}
}

func untarFile(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
