// Package deploy holds authwebhook's manifest, so that its names and permissions can be tested against the code.
package deploy

import _ "embed"

//go:embed authwebhook.yaml
var manifest string

// Manifest returns authwebhook.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
