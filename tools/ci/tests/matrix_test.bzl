"""Tests of suite_matrix and of the rules below it."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//tools/ci:defs.bzl", "service_list", "suite_matrix")
load("//tools/ci/private:service_list_info.bzl", "ServiceListInfo")
load("//tools/e2e:defs.bzl", "e2e_suite")
load("//tools/e2e/private:default_node_image.bzl", "DEFAULT_NODE_IMAGE")

_BELL = {"image": "//tools/ci/tests/bell:image", "name": "bell"}
_NODE_IMAGE = str(Label("//tools/e2e:node_image_reference"))
_LAYERS = str(Label("//tools/oci:layers"))

def _graph_test_impl(ctx):
    env = analysistest.begin(ctx)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    graph = json.decode(write.content)
    asserts.equals(env, "//tools/ci/tests:matrix", graph["command"])
    asserts.equals(env, "tools/ci/tests/MATRIX.md", graph["file"])
    asserts.equals(env, [_BELL], graph["services"])
    asserts.equals(env, [{
        "expose": [],
        "images": [{"label": _BELL["image"], "name": "bell"}],
        "kindConfig": "tools/e2e/kind.yaml",
        "label": "//tools/ci/tests:suite",
        "manifests": ["//tools/ci/tests:pod.yaml"],
        "name": "suite",
        "nodeImage": {"label": "//tools/e2e:node_image", "reference": DEFAULT_NODE_IMAGE},
        "test": "//tools/ci/tests:tests_test",
        "timeLimit": "10m",
    }], graph["suites"])

    # Building the plan is checking it; building an image is not asked for.
    runfiles = [f.short_path for f in analysistest.target_under_test(env)[DefaultInfo].default_runfiles.files.to_list()]
    asserts.equals(env, ["tools/ci/tests/matrix.graph.json", "tools/ci/tests/suite.plan.json"], sorted(runfiles))
    return analysistest.end(env)

_graph_test = analysistest.make(_graph_test_impl)

# What the graph says must not depend on the machine's flags.
_graph_of_flags_test = analysistest.make(
    _graph_test_impl,
    config_settings = {
        _LAYERS: "cache",
        _NODE_IMAGE: "kubernaut/node:v1@sha256:" + "0123456789abcdef" * 4,
    },
)

def _list_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, [struct(**_BELL)], target[ServiceListInfo].services)
    asserts.equals(env, [], target[DefaultInfo].files.to_list())
    return analysistest.end(env)

_list_test = analysistest.make(_list_test_impl)

def _environment_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[RunEnvironmentInfo]
    asserts.equals(env, ctx.attr.want, info.environment)
    return analysistest.end(env)

_environment_test = analysistest.make(_environment_test_impl, attrs = {"want": attr.string_dict()})

def matrix_test_suite(name):
    """Makes the tests and what they look at.

    Args:
        name: of the test suite.
    """
    e2e_suite(
        name = "suite",
        images = ["//tools/ci/tests/bell:image"],
        manifests = ["pod.yaml"],
        tags = ["manual"],
        test = ":tests_test",
        visibility = ["//visibility:private"],
    )
    service_list(name = "services")
    suite_matrix(
        name = "matrix",
        file = "MATRIX.md",
        services = ":services",
        visibility = ["//visibility:private"],
    )
    _graph_test(
        name = "graph_test",
        target_under_test = ":matrix.graph",
    )
    _graph_of_flags_test(
        name = "graph_of_flags_test",
        target_under_test = ":matrix.graph",
    )
    _list_test(
        name = "list_test",
        target_under_test = ":services",
    )
    _environment_test(
        name = "write_test",
        target_under_test = ":matrix",
        want = {"MATRIX_GRAPH": "_main/tools/ci/tests/matrix.graph.json"},
    )
    _environment_test(
        name = "compare_test",
        target_under_test = ":matrix_test",
        want = {
            "MATRIX_COMMITTED": "_main/tools/ci/tests/MATRIX.md",
            "MATRIX_GRAPH": "_main/tools/ci/tests/matrix.graph.json",
        },
    )
    native.test_suite(
        name = name,
        tests = [
            ":compare_test",
            ":graph_of_flags_test",
            ":graph_test",
            ":list_test",
            ":write_test",
        ],
    )
