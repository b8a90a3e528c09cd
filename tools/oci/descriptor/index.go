package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// describeIndex returns the JSON of an index's descriptor. tested is the path of the descriptor of the image that tests run:
// the index must have that very image.
func describeIndex(dir, label, name, tested string) ([]byte, error) {
	root, err := onlyManifest(dir)
	if err != nil {
		return nil, err
	}
	x := plan.Index{Version: plan.Version, Label: label, Name: name}
	if x.Index, err = content(dir, "index", root); err != nil {
		return nil, err
	}
	if err := fillIndex(&x, dir); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return nil, err
	}
	if _, err := plan.DecodeIndex(name, data); err != nil {
		return nil, err
	}
	if err := holdsTested(x, tested); err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// fillIndex adds the images of the index's entries.
func fillIndex(x *plan.Index, dir string) error {
	var index struct {
		Manifests []plan.Blob `json:"manifests"`
	}
	if err := json.Unmarshal(x.Index.Data, &index); err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	for i, entry := range index.Manifests {
		d := plan.Descriptor{Version: plan.Version, Label: x.Label, Name: x.Name}
		var err error
		if d.Manifest, err = content(dir, fmt.Sprintf("manifest %d", i), entry); err == nil {
			err = fill(&d, dir)
		}
		if err != nil {
			return err
		}
		x.Images = append(x.Images, d)
	}
	return nil
}

func holdsTested(x plan.Index, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the tested image's descriptor: %w", err)
	}
	tested, err := plan.DecodeDescriptor("of the tested image", data)
	if err != nil {
		return err
	}
	same := func(d plan.Descriptor) bool { return d.Manifest.Digest == tested.Manifest.Digest }
	if !slices.ContainsFunc(x.Images, same) {
		return fmt.Errorf("the index lacks %s, which tests run as %s", tested.Manifest.Digest, tested.Label)
	}
	return nil
}
