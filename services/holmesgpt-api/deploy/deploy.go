// Package deploy holds holmesgpt-api's manifest, so that it can be tested against the code.
package deploy

import _ "embed"

//go:embed holmesgpt-api.yaml
var manifest string

// Manifest returns holmesgpt-api.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
