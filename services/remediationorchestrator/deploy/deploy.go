// Package deploy holds remediationorchestrator's manifest, so that it can be tested against the code.
package deploy

import _ "embed"

//go:embed remediationorchestrator.yaml
var manifest string

// Manifest returns remediationorchestrator.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }
