package main

import (
	"errors"
	"fmt"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// addUpstreams names the repositories for the layers of the base, or for all layers when base is "".
func addUpstreams(d *plan.Descriptor, base string, repositories []string) error {
	layers := d.Layers
	if base != "" {
		var err error
		if layers, err = baseLayers(*d, base); err != nil {
			return fmt.Errorf("base: %w", err)
		}
	}
	if len(repositories) == 0 {
		return nil
	}
	d.Upstreams = map[string][]string{}
	for _, layer := range layers {
		d.Upstreams[layer.Digest] = repositories
	}
	return nil
}

// baseLayers returns the layers of the layout that are the image's lowest ones. No layer has to be there.
func baseLayers(d plan.Descriptor, base string) ([]plan.Blob, error) {
	root, err := rootContent(base)
	if err != nil {
		return nil, err
	}
	below, err := decodeManifest(root.Data)
	if err != nil {
		return nil, err
	}
	for i, layer := range below.Layers {
		if i >= len(d.Layers) || d.Layers[i].Digest != layer.Digest {
			return nil, errors.New("its layers are not the image's lowest ones; name the image that is below this one")
		}
	}
	return below.Layers, nil
}
