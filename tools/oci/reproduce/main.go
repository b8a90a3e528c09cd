// Command reproduce shows that images do not depend on where, when or with which caches they are built.
//
//	tools/bazelw run //tools/oci/reproduce                  # all services
//	tools/bazelw run //tools/oci/reproduce -- mock-llm …    # these
//
// It copies the checkout's files to another folder, builds the image descriptors of //services there from nothing (its own output
// base, no disk or remote cache), and compares the manifest digests with those of this checkout. It prints one line an image and
// exits 1 when one differs, 2 when there is no such service. It takes as long as a build from nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/checkout"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("BUILD_WORKSPACE_DIRECTORY"), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "reproduce: error: %v\n", err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// errUsage is an argument that names nothing.
var errUsage = errors.New("no such service")

func run(ctx context.Context, here string, services []string) error {
	if here == "" {
		return errors.New("BUILD_WORKSPACE_DIRECTORY is not set; start it by `tools/bazelw run //tools/oci/reproduce`")
	}
	mine := folder{dir: here}
	labels, err := mine.images(ctx, services)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "reproduce-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	there := filepath.Join(tmp, "another", "folder")
	if err := checkout.Copy(ctx, here, there); err != nil {
		return fmt.Errorf("copying the checkout: %w", err)
	}
	clean := folder{dir: there, startup: []string{"--output_base=" + filepath.Join(tmp, "output")}, flags: []string{"--disk_cache=", "--remote_cache="}}
	defer clean.bazel(context.WithoutCancel(ctx), nil, "shutdown") //nolint:errcheck // the server's folder goes away next
	return compare(ctx, mine, clean, labels)
}

func compare(ctx context.Context, a, b folder, labels []string) error {
	first, err := a.digests(ctx, labels)
	if err != nil {
		return err
	}
	second, err := b.digests(ctx, labels)
	if err != nil {
		return err
	}
	var differ []error
	for _, l := range labels {
		fmt.Printf("%s %s\n", l, first[l])
		if first[l] == "" || first[l] != second[l] {
			differ = append(differ, fmt.Errorf("%s: %s in %s, %s in %s", l, first[l], a.dir, second[l], b.dir))
		}
	}
	return errors.Join(differ...)
}

// folder is one that Bazel builds in.
type folder struct {
	dir            string
	startup, flags []string
}

func (f folder) bazel(ctx context.Context, flags []string, command string, args ...string) (string, error) {
	argv := append(append(append(append([]string{}, f.startup...), command), flags...), args...)
	cmd := exec.CommandContext(ctx, filepath.Join(f.dir, "tools", "bazelw"), argv...)
	cmd.Dir, cmd.Stderr = f.dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running bazel %s in %s: %w", command, f.dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// images are the labels of the services' image descriptors; no service stands for all.
func (f folder) images(ctx context.Context, services []string) ([]string, error) {
	out, err := f.bazel(ctx, nil, "query", "kind('image_descriptor rule', //services/...)")
	if err != nil {
		return nil, err
	}
	labels := strings.Fields(out)
	if len(labels) == 0 {
		return nil, errors.New("//services/... has no image_descriptor")
	}
	if len(services) == 0 {
		return labels, nil
	}
	var chosen []string
	for _, service := range services {
		of := slices.DeleteFunc(slices.Clone(labels), func(label string) bool { return !strings.HasPrefix(label, "//services/"+service+":") })
		if len(of) == 0 {
			return nil, fmt.Errorf("%w: %q; there are %s", errUsage, service, strings.Join(labels, ", "))
		}
		chosen = append(chosen, of...)
	}
	return chosen, nil
}

// digests builds the descriptors and returns the manifest digest of each.
func (f folder) digests(ctx context.Context, labels []string) (map[string]string, error) {
	if _, err := f.bazel(ctx, f.flags, "build", labels...); err != nil {
		return nil, err
	}
	out, err := f.bazel(ctx, f.flags, "cquery", "--output=files", "set("+strings.Join(labels, " ")+")")
	if err != nil {
		return nil, err
	}
	root, err := f.bazel(ctx, f.flags, "info", "execution_root")
	if err != nil {
		return nil, err
	}
	digests := make(map[string]string)
	for file := range strings.FieldsSeq(out) {
		label, digest, err := read(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		digests[label] = digest
	}
	return digests, nil
}

// read returns the label of a descriptor's own target and its manifest's digest.
func read(path string) (label, digest string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	var d struct {
		Label    string
		Manifest struct{ Digest string }
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return "", "", fmt.Errorf("reading descriptor %q: %w", path, err)
	}
	return d.Label + ".descriptor", d.Manifest.Digest, nil
}
