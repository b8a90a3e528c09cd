// Package deploy holds notification's manifest, so that it can be tested against the code.
package deploy

import _ "embed"

//go:embed notification.yaml
var manifest string

// Manifest returns notification.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
