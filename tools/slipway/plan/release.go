package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Release is images that have been tested and go to another registry under a version, as tools/oci writes it into
// <name>.plan.json.
type Release struct {
	Version  int        `json:"version"`
	Label    string     `json:"label"` // "//services:release"
	From     string     `json:"from"`  // "ghcr.io/kubernaut/kubernaut", where CI has pushed what it tested
	To       string     `json:"to"`    // "quay.io/kubernaut", where a release goes that is sent nowhere else
	Services []Released `json:"services"`
}

// Released is one image of a release.
type Released struct {
	Name       string            `json:"name"`       // "gateway"
	Label      string            `json:"label"`      // "//services/gateway:index"
	Descriptor string            `json:"descriptor"` // rlocation path of the Index's JSON
	SBOMs      map[string]string `json:"sboms"`      // rlocation paths of SPDX documents by platform, "linux/amd64"
}

// Image is the image as other plans name it.
func (r Released) Image() Image {
	return Image{Name: r.Name, Label: r.Label, Descriptor: r.Descriptor}
}

// DecodeRelease reads a release as strictly as Decode reads a plan.
func DecodeRelease(name string, data []byte) (Release, error) {
	var r Release
	if err := decode(data, &r); err != nil {
		return Release{}, bad("reading plan %q: %v", name, err)
	}
	if err := r.validate(); err != nil {
		return Release{}, bad("reading plan %q: %v", name, err)
	}
	return r, nil
}

// IsRelease tells a release from other plans.
func IsRelease(data []byte) bool {
	var head struct {
		From json.RawMessage `json:"from"`
	}
	return json.Unmarshal(data, &head) == nil && head.From != nil
}

func (r Release) validate() error {
	if err := checkLabel(r.Label); err != nil {
		return err
	}
	for field, value := range map[string]string{"from": r.From, "to": r.To} {
		if problem := registryProblem(value); problem != "" {
			return fmt.Errorf("%s %s, got %q", field, problem, value)
		}
	}
	if len(r.Services) == 0 {
		return fmt.Errorf("services is empty")
	}
	var images []Image
	for _, s := range r.Services {
		images = append(images, s.Image())
		for _, platform := range slices.Sorted(maps.Keys(s.SBOMs)) {
			if err := checkPath("SBOM of "+s.Name+" for "+platform, s.SBOMs[platform]); err != nil {
				return err
			}
		}
	}
	return checkImages(images)
}
