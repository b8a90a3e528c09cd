package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// inputs are the plan and all files that it names, but the layers.
type inputs struct {
	plan        plan.Plan
	descriptors []plan.Descriptor // in the plan's order
	layouts     []string          // paths; "" for an image without layout
	nodeImage   plan.NodeImage
	kind        []byte
	manifests   []deploy.File
	binary      string
}

// files finds runfiles. They may be absent as long as nothing needs them.
type files struct {
	runfiles *runfiles.Runfiles
	err      error
}

func openFiles(getenv func(string) string) *files {
	var options []runfiles.Option
	if dir := getenv("RUNFILES_DIR"); dir != "" {
		options = append(options, runfiles.Directory(dir))
	} else if manifest := getenv("RUNFILES_MANIFEST_FILE"); manifest != "" {
		options = append(options, runfiles.ManifestFile(manifest))
	}
	r, err := runfiles.New(options...)
	return &files{runfiles: r, err: err}
}

func (f *files) path(rlocation string) (string, error) {
	if f.err != nil {
		return "", f.err
	}
	return f.runfiles.Rlocation(rlocation)
}

func (f *files) read(what, rlocation string) ([]byte, error) {
	path, err := f.path(rlocation)
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("reading %s %q: %w", what, rlocation, err))
	}
	return data, nil
}

// readPlan takes a file before a runfile.
func (f *files) readPlan(name string) (plan.Plan, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && f.err == nil {
		data, err = f.read("plan", name)
	} else if err != nil {
		err = fault.New(fault.Usage, fmt.Errorf("reading plan %q: %w", name, err))
	}
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Decode(name, data)
}

func readInputs(name string, f *files) (inputs, error) {
	p, err := f.readPlan(name)
	if err != nil {
		return inputs{}, err
	}
	in := inputs{plan: p}
	for _, read := range []func(*files) error{in.readImages, in.readCluster, in.readManifests} {
		if err := read(f); err != nil {
			return inputs{}, err
		}
	}
	if in.binary, err = f.path(p.Test.Binary); err == nil {
		err = executable(in.binary)
	}
	if err != nil {
		return inputs{}, fault.New(fault.Usage, fmt.Errorf("finding test binary %q: %w", p.Test.Binary, err))
	}
	return in, nil
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Mode()&0o111 == 0) {
		err = fmt.Errorf("%q is not an executable file", path)
	}
	return err
}

func (in *inputs) readImages(f *files) error {
	for _, image := range in.plan.Images {
		data, err := f.read("descriptor", image.Descriptor)
		if err != nil {
			return err
		}
		d, err := plan.DecodeDescriptor(image.Descriptor, data)
		if err == nil {
			err = d.CheckImage(image)
		}
		if err != nil {
			return err
		}
		layout := ""
		if image.Layout != "" {
			if layout, err = f.path(image.Layout); err != nil {
				return fault.New(fault.Usage, fmt.Errorf("finding layout %q: %w", image.Layout, err))
			}
		}
		in.descriptors = append(in.descriptors, d)
		in.layouts = append(in.layouts, layout)
	}
	return nil
}

func (in *inputs) readCluster(f *files) error {
	data, err := f.read("node image", in.plan.Cluster.NodeImage)
	if err != nil {
		return err
	}
	if in.nodeImage, err = plan.DecodeNodeImage(in.plan.Cluster.NodeImage, data); err != nil {
		return err
	}
	if in.kind, err = f.read("kind configuration", in.plan.Cluster.Config); err != nil {
		return err
	}
	if err := cluster.Check(in.kind); err != nil {
		return fmt.Errorf("reading kind configuration %q: %w", in.plan.Cluster.Config, err)
	}
	return nil
}

func (in *inputs) readManifests(f *files) error {
	for _, m := range in.plan.Manifests {
		data, err := f.read("manifest", m.Path)
		if err != nil {
			return err
		}
		in.manifests = append(in.manifests, deploy.File{Short: m.Short, Data: data})
	}
	return nil
}

// blobs are the layers, wherever this machine has them.
func (in inputs) blobs(p progress.Reporter) source.Blobs {
	label := map[string]string{}
	chain := &source.Chain{
		Report: func(name string, err error) { p.Line("slipway: warning: %s: %v", name, oneLine(err.Error())) },
		Label:  func(b plan.Blob) (string, bool) { l, ok := label[b.Digest]; return l, ok },
	}
	for i, d := range in.descriptors {
		for _, b := range d.Blobs() {
			if _, ok := label[b.Digest]; !ok {
				label[b.Digest] = in.plan.Images[i].Label
			}
		}
		if in.layouts[i] != "" {
			chain.Sources = append(chain.Sources, source.Named{Name: "image layout of " + in.plan.Images[i].Label, Blobs: source.Layout(in.layouts[i])})
		}
	}
	return chain
}
