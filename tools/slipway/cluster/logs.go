package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// logsTimeout bounds an export as a whole: it stands between a failure and its message.
const logsTimeout = 60 * time.Second

// ExportLogs writes what explains a failure below dir, which it creates:
//
//	pods/<namespace>/<pod>/<container>.log      and <container>.previous.log, of the suite's namespaces
//	events.txt                                  of all namespaces, by time
//	objects/<namespace>/<resource>.yaml         objects of the suite's namespaces, and _cluster/; no Secrets
//	nodes/<node>/{kubelet,containerd}.log       the node's journal, and serial.log
//	nodes/<node>/pods/                          /var/log/pods, when the API server does not answer
//
// It takes what it can get within 60 s, also when ctx has ended, and returns the joined errors of the rest.
func (l *Lease) ExportLogs(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logsTimeout)
	defer cancel()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("exporting logs: %w", err)
	}
	step := l.progress.Step("logs", 0)
	alive := healthy(ctx, l.Kubeconfig)
	nodes := make(chan error, 1)
	go func() { nodes <- exportNodes(ctx, l.Nodes, filepath.Join(dir, "nodes"), alive != nil) }()
	var errs []error
	if alive == nil {
		errs = append(errs, exportObjects(ctx, l.Kubeconfig, dir))
	} else {
		errs = append(errs, fmt.Errorf("the API server does not answer: %w", alive))
	}
	err := errors.Join(append(errs, <-nodes)...)
	if err != nil {
		err = fmt.Errorf("exporting logs to %q: %w", dir, err)
		step.Fail(err)
		return err
	}
	step.Done("in " + dir)
	return nil
}

// writeFile creates the file and its folders.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
