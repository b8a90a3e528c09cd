"""End-to-end suites: images, manifests and a test, run together on a kind cluster.

```starlark
load("//tools/e2e:defs.bzl", "e2e_suite")

e2e_suite(
    name = "gateway",
    expose = {"GATEWAY_URL": "gateway:http"},
    images = ["//services/gateway:image"],
    manifests = ["//services/gateway/deploy"],
    test = "//test/e2e/gateway:gateway_test",
)
```

or, where everything follows from the services' names, `service_suite(name = "gateway", uses = ["datastorage"])`.

`bazel run //test/e2e:gateway` runs the suite, `bazel test --config=e2e //test/e2e:gateway_test` runs it unless it passed
with the same inputs before. Both start slipway, which has a --help.

`e2e_suites(name = "all")` at the end of the file makes `//test/e2e:all`: all of its suites in one cluster, at the same time,
in namespaces of their own.

Each of them has a bundle, `bazel build //test/e2e:gateway.bundle`: one archive that runs the suite without Bazel and without a
checkout, and holds no image layers.

`edited_manifest` makes a variant of a manifest, for a suite that needs one.
"""

load("//tools/e2e/private:e2e_suite.bzl", _SUITE_TEST_TAGS = "SUITE_TEST_TAGS", _e2e_suite = "e2e_suite")
load("//tools/e2e/private:e2e_suites.bzl", _e2e_suites = "e2e_suites")
load("//tools/e2e/private:edited_manifest.bzl", _edited_manifest = "edited_manifest")
load("//tools/e2e/private:node_image.bzl", _node_image = "node_image")
load("//tools/e2e/private:service_suite.bzl", _service_suite = "service_suite")
load("//tools/e2e/private:suite.bzl", _SUITE_ENVIRONMENT = "SUITE_ENVIRONMENT")
load("//tools/e2e/private:suite_plan_info.bzl", _SuitePlanInfo = "SuitePlanInfo")

# For a go_test that starts suites itself: its `env_inherit` and its `tags`.
SUITE_ENVIRONMENT = _SUITE_ENVIRONMENT
SUITE_TEST_TAGS = _SUITE_TEST_TAGS

SuitePlanInfo = _SuitePlanInfo
e2e_suite = _e2e_suite
e2e_suites = _e2e_suites
edited_manifest = _edited_manifest
node_image = _node_image
service_suite = _service_suite
