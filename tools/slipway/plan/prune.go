package plan

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Prune is repositories that are pruned together, as tools/oci writes it into <name>.plan.json.
type Prune struct {
	Version      int      `json:"version"`
	Label        string   `json:"label"`        // "//services:prune"
	Registry     string   `json:"registry"`     // "ghcr.io/kubernaut/kubernaut"
	Repositories []string `json:"repositories"` // names of images, which follow the registry
}

// DecodePrune reads a plan of repositories, or one of images to push, whose repositories it takes.
func DecodePrune(name string, data []byte) (Prune, error) {
	var head struct {
		Repositories json.RawMessage `json:"repositories"`
	}
	if json.Unmarshal(data, &head) == nil && head.Repositories == nil {
		push, err := DecodePush(name, data)
		p := Prune{Version: push.Version, Label: push.Label, Registry: push.Registry}
		for _, image := range push.Images {
			p.Repositories = append(p.Repositories, image.Name)
		}
		return p, err
	}
	var p Prune
	if err := decode(data, &p); err != nil {
		return Prune{}, bad("reading plan %q: %v", name, err)
	}
	if err := p.validate(); err != nil {
		return Prune{}, bad("reading plan %q: %v", name, err)
	}
	return p, nil
}

func (p Prune) validate() error {
	if err := checkLabel(p.Label); err != nil {
		return err
	}
	if problem := registryProblem(p.Registry); problem != "" {
		return fmt.Errorf("registry %s, got %q", problem, p.Registry)
	}
	if len(p.Repositories) == 0 {
		return fmt.Errorf("repositories is empty")
	}
	for i, r := range p.Repositories {
		if !component.MatchString(r) {
			return fmt.Errorf("repositories[%d] must be a repository name in lower case, got %q", i, r)
		}
	}
	return nil
}

// CheckImage reports a name that cannot follow a registry in a reference: lower case, parts with single separators.
func CheckImage(setting, name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if !component.MatchString(part) {
			corrected := repair(name)
			if registryProblem("localhost/"+corrected) != "" {
				corrected = "gateway"
			}
			return &InputError{Message: fmt.Sprintf("%s must be a repository name in lower case, got %q", setting, name), Hints: []string{setting + "=" + corrected}}
		}
	}
	return nil
}

// IsTag tells what a registry may list as a tag from anything else.
func IsTag(text string) bool { return len(text) <= maxTag && tag.MatchString(text) }
