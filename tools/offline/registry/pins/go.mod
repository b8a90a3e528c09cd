// Bazel modules that the Go module proxy serves as Go modules. go.sum verifies them; nothing here is compiled as Go.
module github.com/kubernaut/kubernaut/tools/offline/registry/pins

go 1.26.0

require (
	github.com/bazel-contrib/bazel-gazelle/v2 v2.0.0-3
	github.com/bazelbuild/bazel-gazelle v0.53.0
	github.com/bazelbuild/rules_go v0.64.0
)
