// Package deploy holds workflowexecution's manifests, so that their names and permissions can be tested against the code.
package deploy

import _ "embed"

//go:embed workflowexecution.yaml
var manifest string

//go:embed workflows.yaml
var workflows string

// Manifest returns workflowexecution.yaml: documents separated by lines of three dashes.
func Manifest() string { return manifest }

// Workflows returns workflows.yaml: the namespace of the Jobs and their account.
func Workflows() string { return workflows }
