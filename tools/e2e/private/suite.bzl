"""suite and suite_test: slipway, started with a suite's plan."""

load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")
load("//tools/oci:defs.bzl", "runner")

# What a test takes from its caller: where the engine, its account data and our caches are, the decision's variables, and
# how to print. Everything else about a suite is declared.
SUITE_ENVIRONMENT = [
    "CONTAINER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "HOME",
    "IMAGE_REGISTRY",
    "IMAGE_TAG",
    "KIND_EXPERIMENTAL_PROVIDER",
    "KUBERNAUT_CACHE",
    "NO_COLOR",
    "PATH",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
]

def _suite_impl(ctx):
    plan = ctx.attr.plan[SuitePlanInfo]
    return runner(
        ctx,
        program = ctx.attr._slipway,
        environment = {"SLIPWAY_PLAN": plan.rlocation},
        inherited_environment = SUITE_ENVIRONMENT,
        # Not the target's own name: its tests live in a package of that name, whose outputs need the folder.
        name = ctx.label.name + ".slipway",
        outputs = [plan.plan],
        targets = [ctx.attr.plan],
    )

_ATTRS = {
    "plan": attr.label(
        doc = "suite_plan of the suite. Required. Example: \":gateway.plan\".",
        mandatory = True,
        providers = [SuitePlanInfo],
    ),
    "_slipway": attr.label(
        cfg = "target",
        default = "//tools/slipway",
        executable = True,
    ),
}

suite = rule(
    implementation = _suite_impl,
    doc = "Runs a suite under `bazel run`; slipway's flags follow `--`.",
    attrs = _ATTRS,
    executable = True,
)

suite_test = rule(
    implementation = _suite_impl,
    doc = "Runs a suite under `bazel test`.",
    attrs = _ATTRS,
    test = True,
)
