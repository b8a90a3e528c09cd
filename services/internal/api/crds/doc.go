// Package crds is where the build makes the custom resource definitions of package v1alpha1: one stream of YAML documents, one
// for each kind, which suites and releases apply as it is.
//
// Nothing of it is committed. `tools/bazelw build //services/internal/api/crds` writes definitions.yaml. Deep copies come from
// the same run of controller-gen, but they are committed too, because `go build` needs them; `go generate
// ./services/internal/api/v1alpha1` writes them, and a test compares.
//
// The package has no code of its own. Its tests hold the definitions against the Go types, and ask the API server's own
// validation what it accepts and rejects.
package crds
