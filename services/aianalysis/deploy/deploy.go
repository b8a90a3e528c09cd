// Package deploy holds aianalysis's manifests and its policies.
//
// The policies are written once, as *.rego files in the folder policies. policies.yaml is the ConfigMap that is made of
// them; a test fails when it lags behind, and writes it with
//
//	go test ./services/aianalysis/deploy -update
package deploy

import (
	"embed"
	"io/fs"
)

//go:embed policies.yaml
var configMap string

//go:embed aianalysis.yaml
var workload string

//go:embed policies
var policies embed.FS

// Manifest returns aianalysis.yaml and policies.yaml: documents separated by lines of three dashes.
func Manifest() string { return workload + "---\n" + configMap }

// Policies returns the policies' files.
func Policies() (fs.FS, error) { return fs.Sub(policies, "policies") }
