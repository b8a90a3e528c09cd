// Package deploy holds mock-llm's manifest, so that it can be tested against the code.
package deploy

import _ "embed"

//go:embed mock-llm.yaml
var manifest string

// Manifest returns mock-llm.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
