package delivery

import (
	"fmt"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Inputs are a plan and the descriptors of its images.
type Inputs struct {
	Label    string // of the plan's target
	Name     string // of a suite or a set
	Registry string // of a push, where images go that are sent nowhere else
	LeftOut  []plan.LeftOut
	Suites   []Suite // none: the plan is of a push
	Images   []Image // of all suites, each once
}

// Suite is one suite's plan.
type Suite struct {
	Path string // as it was asked for
	Plan plan.Plan
}

// Image is one image of a plan.
type Image struct {
	plan.Image
	Descriptor plan.Descriptor
	layout     string // path; "" for an image without layout
	part       string // "linux/arm64": of an index's image; it gets no tag
}

// ReadInputs reads the plan of a push, of a suite, or of a set with those of its suites, and the images' descriptors.
func ReadInputs(name string, f *Files) (in Inputs, err error) {
	data, err := f.ReadPlan(name)
	if err != nil {
		return in, err
	}
	if plan.IsPush(data) {
		return in, in.readPush(name, data, f)
	}
	if err := in.readSuites(name, data, f); err != nil {
		return in, err
	}
	return in, in.readImages(f)
}

func (in *Inputs) readPush(name string, data []byte, f *Files) error {
	p, err := plan.DecodePush(name, data)
	if err != nil {
		return err
	}
	in.Label, in.Registry = p.Label, p.Registry
	for _, wanted := range p.Images {
		found, err := f.readImage(wanted)
		if err != nil {
			return err
		}
		in.Images = append(in.Images, found)
	}
	for _, wanted := range p.Indexes {
		found, err := f.readIndexed(wanted)
		if err != nil {
			return err
		}
		in.Images = append(in.Images, found...)
	}
	return nil
}

// readSuites reads plans, and none of the files that they name.
func (in *Inputs) readSuites(name string, data []byte, f *Files) error {
	if plan.IsSet(data) {
		return in.readSet(name, data, f)
	}
	if err := in.addSuite(name, data); err != nil {
		return err
	}
	in.Label, in.Name = in.Suites[0].Plan.Label, in.Suites[0].Plan.Name
	return nil
}

func (in *Inputs) readSet(name string, data []byte, f *Files) error {
	set, err := plan.DecodeSet(name, data)
	if err != nil {
		return err
	}
	in.Label, in.Name, in.LeftOut = set.Label, set.Name, set.LeftOut
	var plans []plan.Plan
	for _, path := range set.Suites {
		data, err := f.Read("plan", path)
		if err == nil {
			err = in.addSuite(path, data)
		}
		if err != nil {
			return err
		}
		plans = append(plans, in.Suites[len(in.Suites)-1].Plan)
	}
	return plan.CheckTogether(plans)
}

func (in *Inputs) addSuite(name string, data []byte) error {
	p, err := plan.Decode(name, data)
	in.Suites = append(in.Suites, Suite{Path: name, Plan: p})
	return err
}

// readImages takes an image of several suites once. They all mean the same one: a name stands for one digest in a run.
func (in *Inputs) readImages(f *Files) error {
	first := map[string]string{} // image name to manifest digest
	of := map[string]string{}    // image name to the first suite's label
	for _, s := range in.Suites {
		for _, wanted := range s.Plan.Images {
			found, err := f.readImage(wanted)
			if err != nil {
				return err
			}
			digest, known := first[wanted.Name]
			if known && digest != found.Descriptor.Manifest.Digest {
				return &plan.InputError{Message: fmt.Sprintf("image %q is %s for %s and %s for %s",
					wanted.Name, digest, of[wanted.Name], found.Descriptor.Manifest.Digest, s.Plan.Label)}
			}
			if !known {
				first[wanted.Name], of[wanted.Name] = found.Descriptor.Manifest.Digest, s.Plan.Label
				in.Images = append(in.Images, found)
			}
		}
	}
	return nil
}

func (f *Files) readImage(wanted plan.Image) (Image, error) {
	data, err := f.Read("descriptor", wanted.Descriptor)
	if err != nil {
		return Image{}, err
	}
	d, err := plan.DecodeDescriptor(wanted.Descriptor, data)
	if err == nil {
		err = d.CheckImage(wanted)
	}
	if err != nil {
		return Image{}, err
	}
	layout, err := f.findLayout(wanted)
	return Image{Image: wanted, Descriptor: d, layout: layout}, err
}

func (f *Files) findLayout(wanted plan.Image) (string, error) {
	if wanted.Layout == "" {
		return "", nil
	}
	layout, err := f.Path(wanted.Layout)
	if err != nil {
		err = fault.New(fault.Usage, fmt.Errorf("finding layout %q: %w", wanted.Layout, err))
	}
	return layout, err
}

// readIndexed returns the images of an index, then the index itself.
func (f *Files) readIndexed(wanted plan.Image) ([]Image, error) {
	index, err := f.ReadIndex(wanted)
	if err != nil {
		return nil, err
	}
	layout, err := f.findLayout(wanted)
	var images []Image
	for _, d := range index.Images {
		images = append(images, Image{Image: wanted, Descriptor: d, layout: layout, part: d.Platform()})
	}
	return append(images, Image{Image: wanted, Descriptor: index.Descriptor(), layout: layout}), err
}

// ReadIndex reads the descriptor of an index, which must be of the name and label that are wanted.
func (f *Files) ReadIndex(wanted plan.Image) (plan.Index, error) {
	data, err := f.Read("descriptor", wanted.Descriptor)
	if err != nil {
		return plan.Index{}, err
	}
	index, err := plan.DecodeIndex(wanted.Descriptor, data)
	if err == nil {
		err = index.CheckImage(wanted)
	}
	return index, err
}
