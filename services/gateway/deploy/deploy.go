// Package deploy holds the gateway's manifest, so that it can be tested against the code.
package deploy

import _ "embed"

//go:embed gateway.yaml
var manifest string

// Manifest returns gateway.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
