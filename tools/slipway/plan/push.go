package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Push is images that go to a registry together, as tools/oci writes it into <name>.plan.json.
type Push struct {
	Version  int     `json:"version"`
	Label    string  `json:"label"`    // "//services:push"
	Registry string  `json:"registry"` // "ghcr.io/kubernaut/kubernaut", where images go that are sent nowhere else
	Images   []Image `json:"images"`
	Indexes  []Image `json:"indexes,omitempty"` // their descriptors are those of indexes
}

// IsPush tells a push from a suite's plan and from a set.
func IsPush(data []byte) bool {
	var head struct {
		Registry json.RawMessage `json:"registry"`
	}
	return json.Unmarshal(data, &head) == nil && head.Registry != nil
}

// DecodePush reads a push as strictly as Decode reads a plan.
func DecodePush(name string, data []byte) (Push, error) {
	var p Push
	if err := decode(data, &p); err != nil {
		return Push{}, bad("reading plan %q: %v", name, err)
	}
	if err := p.validate(); err != nil {
		return Push{}, bad("reading plan %q: %v", name, err)
	}
	return p, nil
}

func (p Push) validate() error {
	if err := checkLabel(p.Label); err != nil {
		return err
	}
	if problem := registryProblem(p.Registry); problem != "" {
		return fmt.Errorf("registry %s, got %q", problem, p.Registry)
	}
	if len(p.Images)+len(p.Indexes) == 0 {
		return fmt.Errorf("images and indexes are empty")
	}
	return checkImages(slices.Concat(p.Images, p.Indexes))
}

// PushInput is all that the destination of a push depends on.
type PushInput struct {
	Registry         string   // --registry; empty is not given
	Tags             []string // each --tag
	VariableRegistry string   // IMAGE_REGISTRY; empty counts as not set
	VariableTag      string   // IMAGE_TAG; empty counts as not set
	Default          string   // Push.Registry; empty for a suite's images, which have none
}

// PushDecision is where a push's images go.
type PushDecision struct {
	Registry string   // prefix of every reference
	Tags     []string // each once, in the order of the flags; none: images are there by digest alone
	Reason   string   // "--registry names it"
}

// String is the one line that every push prints first.
func (d PushDecision) String() string {
	tags := "no tag"
	if len(d.Tags) > 0 {
		tags = "tag " + strings.Join(d.Tags, ", ")
	}
	return fmt.Sprintf("destination: %s, because %s; %s", d.Registry, d.Reason, tags)
}

// DecidePush decides: flags before variables before the plan. The variables do not need each other, unlike a suite's, whose
// nodes pull what somebody else has pushed. Its errors are InputErrors.
func DecidePush(in PushInput) (PushDecision, error) {
	d := PushDecision{Registry: in.Default, Reason: "neither --registry nor IMAGE_REGISTRY names another one"}
	registrySetting, tagSetting := registryFlag, tagFlag
	switch {
	case in.Registry != "":
		d.Registry, d.Reason = in.Registry, "--registry names it"
	case in.VariableRegistry != "":
		d.Registry, d.Reason = in.VariableRegistry, "IMAGE_REGISTRY is set"
		registrySetting = registryVariable
	case in.Default == "":
		return PushDecision{}, &InputError{
			Message: "neither --registry nor IMAGE_REGISTRY says where to",
			Hints:   []string{"--registry=localhost:5001/kubernaut", exampleRegistry},
		}
	}
	if err := registrySetting.checkRegistry(d.Registry); err != nil {
		return PushDecision{}, err
	}
	tags := in.Tags
	if len(tags) == 0 && in.VariableTag != "" {
		tags, tagSetting = []string{in.VariableTag}, tagVariable
	}
	for _, t := range tags {
		if err := tagSetting.checkTag(t); err != nil {
			return PushDecision{}, err
		}
		if !slices.Contains(d.Tags, t) {
			d.Tags = append(d.Tags, t)
		}
	}
	return d, nil
}
