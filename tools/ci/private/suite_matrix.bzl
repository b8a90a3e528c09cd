"""suite_matrix: the file that says which suite needs what, and its test."""

load("//tools/ci/private:suite_graph.bzl", "suite_graph")
load("//tools/oci:defs.bzl", "rlocation_path", "runner")

def _matrix_impl(ctx):
    environment = {"MATRIX_GRAPH": rlocation_path(ctx.workspace_name, ctx.file.graph.short_path)}
    committed = []
    if ctx.file.committed:
        committed = [ctx.file.committed]
        environment["MATRIX_COMMITTED"] = rlocation_path(ctx.workspace_name, ctx.file.committed.short_path)
    return runner(
        ctx,
        program = ctx.attr._tool,
        environment = environment,
        files = committed,
        targets = [ctx.attr.graph],
    )

_ATTRS = {
    "committed": attr.label(
        allow_single_file = [".md"],
        doc = "The file to compare with. Unset: the file is written into the workspace.",
    ),
    "graph": attr.label(
        allow_single_file = [".json"],
        doc = "suite_graph. Required.",
        mandatory = True,
    ),
    "_tool": attr.label(
        cfg = "target",
        default = "//tools/ci/matrix",
        executable = True,
    ),
}

suite_matrix_write = rule(
    implementation = _matrix_impl,
    doc = "Writes the matrix under `bazel run`.",
    attrs = _ATTRS,
    executable = True,
)

suite_matrix_test = rule(
    implementation = _matrix_impl,
    doc = "Compares the matrix under `bazel test`.",
    attrs = _ATTRS,
    test = True,
)

def suite_matrix(name, file, services, visibility = ["//visibility:public"]):
    """Makes `:<name>`, which writes the matrix of this package's suites, and `:<name>_test`, which fails when it is stale.

    It knows the suites that stand above it in the BUILD file; e2e_suite refuses to stand below it. A new suite needs no
    edit here.

    The test also fails when a service has no suite, by the service's name; service_list refuses one without an image or a push
    target. That a suite has every image that its manifests name is the suite's own check, which the test builds.

    ```starlark
    suite_matrix(
        name = "matrix",
        file = "E2E_SERVICE_DEPENDENCY_MATRIX.md",
        services = "//services",
    )
    ```

    Args:
        name: of the target that writes the file. Required. Example: "matrix".
        file: the file in this package. Required. Example: "E2E_SERVICE_DEPENDENCY_MATRIX.md".
        services: service_list. Required. Example: "//services".
        visibility: of both targets. Default: public.
    """
    graph = name + ".graph"
    suite_graph(
        name = graph,
        testonly = True,
        command = name,
        file = file,
        plans = [
            ":" + plan
            for plan, attrs in native.existing_rules().items()
            if attrs["kind"] == "suite_plan"
        ],
        services = services,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    suite_matrix_write(
        name = name,
        testonly = True,
        graph = graph,
        visibility = visibility,
    )
    suite_matrix_test(
        name = name + "_test",
        size = "small",
        committed = file,
        graph = graph,
        visibility = visibility,
    )
