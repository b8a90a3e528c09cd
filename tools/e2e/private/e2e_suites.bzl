"""e2e_suites: all suites of a package in one run."""

load("//tools/e2e/private:e2e_suite.bzl", "SUITE_TEST_TAGS")
load("//tools/e2e/private:suite.bzl", "suite", "suite_test")
load("//tools/e2e/private:suite_bundle.bzl", "suite_bundle")
load("//tools/e2e/private:suites_plan.bzl", "suites_plan")

# What suites must have in common to run in one cluster.
_CLUSTER = ["kind_config", "node_image"]

def e2e_suites(
        name,
        kind_config = "//tools/e2e:kind.yaml",
        node_image = "//tools/e2e:node_image",
        timeout = "eternal",
        tags = [],
        visibility = ["//visibility:public"]):
    """Makes one run of the package's suites: `:<name>` for `bazel run`, `:<name>_test` for `bazel test`, and
    `:<name>.bundle`, an archive that runs them where neither Bazel nor a checkout is.

    All suites share one cluster and each image is delivered once; each suite runs in its own copies of the namespaces, at
    the same time as others. The macro finds the suites that stand above it in the BUILD file, so it is the last line, and a
    new suite needs no edit here. A suite with another kind configuration or node image cannot be part of it; slipway prints
    which ones were left out, and why.

    All targets are manual: patterns such as //test/e2e/... already have every suite.

    ```starlark
    e2e_suites(name = "all")
    ```

    Args:
        name: the run's name. Required. Example: "all".
        kind_config: the cluster; suites with another one are left out. Example: "//tools/e2e:kind_worker.yaml". Default: one
            control-plane node.
        node_image: node_image target; suites with another one are left out. Default: "//tools/e2e:node_image".
        timeout: Bazel's limit for `:<name>_test`. Default: "eternal" (60 min).
        tags: list of further tags of all targets. Default: none.
        visibility: of all targets. Default: public.
    """
    wanted = {"kind_config": kind_config, "node_image": node_image}
    plans = []
    left_out = {}
    for rule in native.existing_rules().values():
        if rule["kind"] != "suite_plan":
            continue
        reasons = [
            "its {} is {}".format(attribute, rule[attribute])
            for attribute in _CLUSTER
            if native.package_relative_label(rule[attribute]) != native.package_relative_label(wanted[attribute])
        ]
        if reasons:
            left_out[rule["suite_label"]] = " and ".join(reasons)
        else:
            plans.append(":" + rule["name"])
    if not plans:
        fail("//{}:{}: e2e_suites must have suites above it with the kind_config {} and the node_image {}; put it below them instead".format(
            native.package_name(),
            name,
            kind_config,
            node_image,
        ))
    plan = name + ".plan"
    suites_plan(
        name = plan,
        testonly = True,
        left_out = left_out,
        set_label = "//{}:{}".format(native.package_name(), name),
        set_name = name,
        suites = sorted(plans),
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    suite(
        name = name,
        testonly = True,
        plan = plan,
        tags = ["manual"] + tags,
        visibility = visibility,
    )
    suite_test(
        name = name + "_test",
        plan = plan,
        tags = SUITE_TEST_TAGS + ["manual"] + tags,
        timeout = timeout,
        visibility = visibility,
    )
    suite_bundle(
        name = name + ".bundle",
        testonly = True,
        plan = plan,
        tags = ["manual"] + tags,
        visibility = visibility,
    )
