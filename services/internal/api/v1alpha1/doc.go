// Package v1alpha1 holds the custom resources of the API group kubernaut.ai, version v1alpha1.
//
// The Go types are the one source of the schema: the build generates the definitions from them, see ../crds, and `go generate`
// the deep copies in this folder, which a test compares with what the build makes. The API server enforces what the markers
// say, so that services need not check again what they read back.
//
// Confidences are JSON numbers, as the model and the workflow catalogue give them; hence controller-gen's allowDangerousTypes.
//
// The package holds no behaviour beyond the questions that every reader of an object asks (is this phase final?).
//
// +kubebuilder:object:generate=true
// +groupName=kubernaut.ai
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen object paths=.
