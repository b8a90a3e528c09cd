// Package deploy holds aianalysis's manifests and its policies.
//
// The policies are written once, as *.rego files in the folder policies. policies.yaml is the ConfigMap that is made of
// them; a test fails when it lags behind, and writes it with
//
//	go test ./services/aianalysis/deploy -update
package deploy

import "embed"

//go:embed policies.yaml
var configMap string

//go:embed aianalysis.yaml
var workload string

//go:embed policies
var policies embed.FS

// Manifest returns aianalysis.yaml and policies.yaml: documents separated by lines of three dashes.
func Manifest() string { return workload + "---\n" + configMap }

// Policies returns the policies by file name.
func Policies() (map[string]string, error) {
	entries, err := policies.ReadDir("policies")
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, entry := range entries {
		text, err := policies.ReadFile("policies/" + entry.Name())
		if err != nil {
			return nil, err
		}
		texts[entry.Name()] = string(text)
	}
	return texts, nil
}
