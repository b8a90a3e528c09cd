// Package deploy holds the manifests that all services need: the platform's namespace.
package deploy

import _ "embed"

//go:embed namespace.yaml
var namespace []byte

// Namespace returns namespace.yaml.
func Namespace() []byte { return append([]byte(nil), namespace...) }
