// Package deploy holds datastorage's manifest, so that its names and permissions can be tested against the code.
package deploy

import _ "embed"

//go:embed datastorage.yaml
var manifest string

// Manifest returns datastorage.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
