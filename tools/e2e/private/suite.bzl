"""suite and suite_test: slipway, started with a suite's plan."""

load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")

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
    # Not the target's own name: its tests live in a package of that name, whose outputs need the folder.
    executable = ctx.actions.declare_file(ctx.label.name + ".slipway")
    ctx.actions.symlink(
        output = executable,
        target_file = ctx.executable._slipway,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [executable]).merge_all([
        ctx.attr.plan[DefaultInfo].default_runfiles,
        ctx.attr._slipway[DefaultInfo].default_runfiles,
    ])
    return [
        DefaultInfo(
            executable = executable,
            files = depset([executable, ctx.attr.plan[SuitePlanInfo].plan]),
            runfiles = runfiles,
        ),
        RunEnvironmentInfo(
            environment = {"SLIPWAY_PLAN": ctx.attr.plan[SuitePlanInfo].rlocation},
            inherited_environment = SUITE_ENVIRONMENT,
        ),
    ]

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
