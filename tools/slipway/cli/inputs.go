package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// inputs are the plans of a run and all files that they name, but the layers. A single suite is a run of one.
type inputs struct {
	label, name string
	leftOut     []plan.LeftOut
	suites      []suiteInputs
	images      []image // of all suites, each once
	nodeImage   plan.NodeImage
	kind        []byte
}

// suiteInputs are one suite's.
type suiteInputs struct {
	path      string // of the plan, as it was asked for
	plan      plan.Plan
	manifests []deploy.File
	binary    string
}

// image is one image of the run.
type image struct {
	plan.Image
	descriptor plan.Descriptor
	layout     string // path; "" for an image without layout
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
func (f *files) readPlan(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && f.err == nil {
		return f.read("plan", name)
	}
	if err != nil {
		err = fault.New(fault.Usage, fmt.Errorf("reading plan %q: %w", name, err))
	}
	return data, err
}

// readInputs reads a suite's plan, or a set and the plans of its suites.
func readInputs(name string, f *files) (inputs, error) {
	data, err := f.readPlan(name)
	if err != nil {
		return inputs{}, err
	}
	if plan.IsPush(data) {
		return inputs{}, fault.New(fault.Usage, fmt.Errorf("plan %q is of images to push and has no suite", name), "slipway push --plan="+name)
	}
	var in inputs
	if err := in.readSuites(name, data, f); err != nil {
		return inputs{}, err
	}
	for _, read := range []func(*files) error{in.readImages, in.readCluster, in.readManifests, in.findBinaries} {
		if err := read(f); err != nil {
			return inputs{}, err
		}
	}
	return in, nil
}

// readSuites reads plans, and none of the files that they name.
func (in *inputs) readSuites(name string, data []byte, f *files) error {
	if plan.IsSet(data) {
		return in.readSet(name, data, f)
	}
	if err := in.addSuite(name, data); err != nil {
		return err
	}
	in.label, in.name = in.suites[0].plan.Label, in.suites[0].plan.Name
	return nil
}

func (in *inputs) readSet(name string, data []byte, f *files) error {
	set, err := plan.DecodeSet(name, data)
	if err != nil {
		return err
	}
	in.label, in.name, in.leftOut = set.Label, set.Name, set.LeftOut
	var plans []plan.Plan
	for _, path := range set.Suites {
		data, err := f.read("plan", path)
		if err == nil {
			err = in.addSuite(path, data)
		}
		if err != nil {
			return err
		}
		plans = append(plans, in.suites[len(in.suites)-1].plan)
	}
	return plan.CheckTogether(plans)
}

func (in *inputs) addSuite(name string, data []byte) error {
	p, err := plan.Decode(name, data)
	in.suites = append(in.suites, suiteInputs{path: name, plan: p})
	return err
}

func (in *inputs) findBinaries(f *files) error {
	for i := range in.suites {
		s := &in.suites[i]
		var err error
		if s.binary, err = f.path(s.plan.Test.Binary); err == nil {
			err = executable(s.binary)
		}
		if err != nil {
			return fault.New(fault.Usage, fmt.Errorf("finding test binary %q: %w", s.plan.Test.Binary, err))
		}
	}
	return nil
}

// executable is also what becomes so when it is unpacked.
func executable(path string) error {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Mode()&0o111 == 0 && !suite.IsCompressed(path)) {
		err = fmt.Errorf("%q is not an executable file", path)
	}
	return err
}

// readImages takes an image of several suites once. They all mean the same one: a name stands for one digest in a run.
func (in *inputs) readImages(f *files) error {
	first := map[string]string{} // image name to manifest digest
	of := map[string]string{}    // image name to the first suite's label
	for _, s := range in.suites {
		for _, wanted := range s.plan.Images {
			found, err := f.readImage(wanted)
			if err != nil {
				return err
			}
			digest, known := first[wanted.Name]
			if known && digest != found.descriptor.Manifest.Digest {
				return &plan.InputError{Message: fmt.Sprintf("image %q is %s for %s and %s for %s",
					wanted.Name, digest, of[wanted.Name], found.descriptor.Manifest.Digest, s.plan.Label)}
			}
			if !known {
				first[wanted.Name], of[wanted.Name] = found.descriptor.Manifest.Digest, s.plan.Label
				in.images = append(in.images, found)
			}
		}
	}
	return nil
}

func (f *files) readImage(wanted plan.Image) (image, error) {
	data, err := f.read("descriptor", wanted.Descriptor)
	if err != nil {
		return image{}, err
	}
	d, err := plan.DecodeDescriptor(wanted.Descriptor, data)
	if err == nil {
		err = d.CheckImage(wanted)
	}
	if err != nil || wanted.Layout == "" {
		return image{wanted, d, ""}, err
	}
	layout, err := f.path(wanted.Layout)
	if err != nil {
		err = fault.New(fault.Usage, fmt.Errorf("finding layout %q: %w", wanted.Layout, err))
	}
	return image{wanted, d, layout}, err
}

// readCluster reads the first suite's cluster, which all have.
func (in *inputs) readCluster(f *files) error {
	wanted := in.suites[0].plan.Cluster
	data, err := f.read("node image", wanted.NodeImage)
	if err != nil {
		return err
	}
	if in.nodeImage, err = plan.DecodeNodeImage(wanted.NodeImage, data); err != nil {
		return err
	}
	if in.kind, err = f.read("kind configuration", wanted.Config); err != nil {
		return err
	}
	if err := cluster.Check(in.kind); err != nil {
		return fmt.Errorf("reading kind configuration %q: %w", wanted.Config, err)
	}
	return nil
}

func (in *inputs) readManifests(f *files) error {
	for i := range in.suites {
		s := &in.suites[i]
		for _, m := range s.plan.Manifests {
			data, err := f.read("manifest", m.Path)
			if err != nil {
				return err
			}
			s.manifests = append(s.manifests, deploy.File{Short: m.Short, Data: data})
		}
	}
	return nil
}

// ports is how many node ports all suites need together.
func (in inputs) ports() int {
	n := 0
	for _, s := range in.suites {
		n += len(s.plan.Expose)
	}
	return n
}

// blobs are the layers: from layouts on this machine, else from a cache, else from what else there is, else, those of a base,
// from where it was pulled.
func (in inputs) blobs(p progress.Reporter, c caches, others ...source.Named) *source.Chain {
	label := map[string]string{}
	for _, i := range in.images {
		for _, b := range i.descriptor.Blobs() {
			if _, ok := label[b.Digest]; !ok {
				label[b.Digest] = i.Label
			}
		}
	}
	return &source.Chain{
		Sources: slices.Concat(in.layouts(c), c.sources, others, in.upstreams()),
		Report:  func(name string, err error) { p.Line("slipway: warning: %s: %v", name, oneLine(err.Error())) },
		Label:   func(b plan.Blob) (string, bool) { l, ok := label[b.Digest]; return l, ok },
	}
}

// layouts are the images' own, where the plan names them, else where Bazel has built them.
func (in inputs) layouts(c caches) []source.Named {
	var sources []source.Named
	for _, i := range in.images {
		if i.layout != "" {
			sources = append(sources, source.Named{Name: "image layout of " + i.Label, Blobs: source.Layout(i.layout)})
		} else if built := c.layout(i.Label); built != "" {
			sources = append(sources, source.Named{Name: "bazel-bin's image layout of " + i.Label, Blobs: source.Layout(built)})
		}
	}
	return sources
}
