"""What CI derives from the build graph.

```starlark
load("//tools/ci:defs.bzl", "suite_matrix")

suite_matrix(
    name = "matrix",
    file = "E2E_SERVICE_DEPENDENCY_MATRIX.md",
    services = "//services",
)
```

after the last suite of a package: `bazel run :matrix` writes the file, `:matrix_test` fails when it is stale.
"""

load("//tools/ci/private:image_sizes.bzl", _image_sizes = "image_sizes")
load("//tools/ci/private:service_list.bzl", _service_list = "service_list")
load("//tools/ci/private:suite_matrix.bzl", _suite_matrix = "suite_matrix")

image_sizes = _image_sizes
service_list = _service_list
suite_matrix = _suite_matrix
