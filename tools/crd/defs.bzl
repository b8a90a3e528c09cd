"""Kubernetes APIs: custom resource definitions and deep copies, generated from the Go types by controller-gen.

```starlark
load("//tools/crd:defs.bzl", "custom_resources")

custom_resources(
    name = "definitions",
    library = "//services/internal/api/v1alpha1",
)
```
"""

load("//tools/crd/private:custom_resources.bzl", _custom_resources = "custom_resources")

custom_resources = _custom_resources
