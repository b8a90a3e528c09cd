package cli

import (
	"fmt"
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// inputs are what a run needs beside its images. A single suite is a run of one.
type inputs struct {
	suites    []suiteInputs
	nodeImage plan.NodeImage
	kind      []byte
}

// suiteInputs are one suite's.
type suiteInputs struct {
	delivery.Suite
	manifests []deploy.File
	binary    string
}

// readInputs reads a suite's plan, or a set and the plans of its suites, and all files that they name, but the layers.
func readInputs(name string, f *delivery.Files) (images delivery.Inputs, in inputs, err error) {
	if images, err = delivery.ReadInputs(name, f); err != nil {
		return images, in, err
	}
	if len(images.Suites) == 0 {
		return images, in, fault.New(fault.Usage, fmt.Errorf("plan %q is of images to push and has no suite", name), "slipway push --plan="+name)
	}
	for _, s := range images.Suites {
		in.suites = append(in.suites, suiteInputs{Suite: s})
	}
	for _, read := range []func(*delivery.Files) error{in.readCluster, in.readManifests, in.findBinaries} {
		if err := read(f); err != nil {
			return images, in, err
		}
	}
	return images, in, nil
}

func (in *inputs) findBinaries(f *delivery.Files) error {
	for i := range in.suites {
		s := &in.suites[i]
		var err error
		if s.binary, err = f.Path(s.Plan.Test.Binary); err == nil {
			err = executable(s.binary)
		}
		if err != nil {
			return fault.New(fault.Usage, fmt.Errorf("finding test binary %q: %w", s.Plan.Test.Binary, err))
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

// readCluster reads the first suite's cluster, which all have.
func (in *inputs) readCluster(f *delivery.Files) error {
	wanted := in.suites[0].Plan.Cluster
	data, err := f.Read("node image", wanted.NodeImage)
	if err != nil {
		return err
	}
	if in.nodeImage, err = plan.DecodeNodeImage(wanted.NodeImage, data); err != nil {
		return err
	}
	if in.kind, err = f.Read("kind configuration", wanted.Config); err != nil {
		return err
	}
	if err := cluster.Check(in.kind); err != nil {
		return fmt.Errorf("reading kind configuration %q: %w", wanted.Config, err)
	}
	return nil
}

func (in *inputs) readManifests(f *delivery.Files) error {
	for i := range in.suites {
		s := &in.suites[i]
		for _, m := range s.Plan.Manifests {
			data, err := f.Read("manifest", m.Path)
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
		n += len(s.Plan.Expose)
	}
	return n
}
