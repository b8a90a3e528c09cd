"""suite_bundle: a suite as one archive."""

load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")
load("//tools/oci:defs.bzl", "label_text", "rlocation_path")

def _suite_bundle_impl(ctx):
    info = ctx.attr.plan[SuitePlanInfo]
    workspace_name = ctx.workspace_name
    archive = ctx.actions.declare_file(ctx.label.name + ".tar.gz")

    def line(file):
        return rlocation_path(workspace_name, file.short_path) + "=" + file.path

    args = ctx.actions.args()
    args.add("--output", archive)
    args.add("--label", label_text(ctx.label))
    args.add("--plan", info.rlocation)
    args.add("--slipway", ctx.executable._slipway)
    files = ctx.actions.args()
    files.set_param_file_format("multiline")
    files.use_param_file("--files=%s", use_always = True)
    files.add_all(info.portable, allow_closure = True, map_each = line)
    ctx.actions.run(
        executable = ctx.executable._bundle,
        arguments = [args, files],
        inputs = depset([ctx.executable._slipway], transitive = [info.portable]),
        outputs = [archive],
        mnemonic = "SuiteBundle",
        progress_message = "Packing %{label}",
    )
    return [DefaultInfo(files = depset([archive]))]

suite_bundle = rule(
    implementation = _suite_bundle_impl,
    doc = """Packs `<name>.tar.gz`: slipway, the plan and all that it names, without the images' layers.

Any tar unpacks it, anywhere; `<name>/run` in it takes the flags that follow `--` under `bazel run`. The images come from the
registry or the cache that the environment or the flags name. slipway's --help says more.
""",
    attrs = {
        "plan": attr.label(
            doc = "suite_plan or suites_plan. Required. Example: \":gateway.plan\".",
            mandatory = True,
            providers = [SuitePlanInfo],
        ),
        "_bundle": attr.label(
            cfg = "exec",
            default = "//tools/e2e/bundle",
            executable = True,
        ),
        "_slipway": attr.label(
            cfg = "target",
            default = "//tools/slipway",
            executable = True,
        ),
    },
)
