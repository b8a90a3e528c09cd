// Package crds holds the custom resource definitions that are generated from package v1alpha1, one YAML file per kind.
//
// The files are manifests: suites and releases apply them as they are. The package has no code of its own; its test keeps
// the committed files and the Go types in agreement.
package crds
