"""custom_resources: what a package of Kubernetes types says, as manifests and code."""

load("@rules_go//go:def.bzl", "go_path")
load("//tools/crd/private:generated_resources.bzl", "generated_resources")

def custom_resources(name, library, allow_dangerous_types = False, **kwargs):
    """Makes custom resource definitions and deep copies of a package of Kubernetes types.

    controller-gen reads the markers (https://book.kubebuilder.io/reference/markers) of the package and of what it imports.
    It does not compile: stale deep copies in the library do not matter.

    ```starlark
    custom_resources(
        name = "definitions",
        library = "//services/internal/api/v1alpha1",
    )
    ```

    makes `definitions.yaml`, the definitions of all kinds of the package in one stream, sorted by group and plural, and, in the
    output group `deepcopy`, `definitions.deepcopy.go`, what the package's zz_generated.deepcopy.go should be.

    Args:
        name: the target's name and the outputs' stem. Required.
        library: go_library of the types. Required. Example: "//services/internal/api/v1alpha1".
        allow_dangerous_types: whether fields may be floating point numbers, which are not exact in every client. Default: False,
            which makes such a field an error.
        **kwargs: common attributes of the target, such as visibility and testonly.
    """
    go_path(
        name = name + ".sources",
        deps = [library],
        include_data = False,
        mode = "archive",
        tags = ["manual"],
        testonly = kwargs.get("testonly"),
        visibility = ["//visibility:private"],
    )
    generated_resources(
        name = name,
        allow_dangerous_types = allow_dangerous_types,
        library = library,
        sources = ":{}.sources".format(name),
        **kwargs
    )
