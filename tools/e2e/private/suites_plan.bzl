"""suites_plan: several suites as data, for one run in one cluster."""

load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")
load("//tools/oci:defs.bzl", "rlocation_path")

# plan.Version of tools/slipway/plan, as in suite_plan.bzl.
_VERSION = 1

def _suites_plan_impl(ctx):
    plan = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(plan, json.encode({
        "label": ctx.attr.set_label,
        "leftOut": [{"label": label, "reason": reason} for label, reason in ctx.attr.left_out.items()],
        "name": ctx.attr.set_name,
        "suites": [suite[SuitePlanInfo].rlocation for suite in ctx.attr.suites],
        "version": _VERSION,
    }) + "\n")
    runfiles = ctx.runfiles(files = [plan]).merge_all([
        suite[DefaultInfo].default_runfiles
        for suite in ctx.attr.suites
    ])
    return [
        DefaultInfo(files = depset([plan]), runfiles = runfiles),
        SuitePlanInfo(
            plan = plan,
            portable = depset([plan], transitive = [suite[SuitePlanInfo].portable for suite in ctx.attr.suites]),
            rlocation = rlocation_path(ctx.workspace_name, plan.short_path),
        ),
    ]

suites_plan = rule(
    implementation = _suites_plan_impl,
    doc = "Writes the plan of a set of suites, `<name>.json`, which names their plans. e2e_suites documents it.",
    attrs = {
        "left_out": attr.string_dict(doc = "Labels of suites that are not in the set, to the reasons, which slipway prints. Unset: none."),
        "set_label": attr.string(
            doc = "The set's label as a person types it. Required. Example: \"//test/e2e:all\".",
            mandatory = True,
        ),
        "set_name": attr.string(
            doc = "The set's name. Required. Example: \"all\".",
            mandatory = True,
        ),
        "suites": attr.label_list(
            doc = "suite_plan targets, in the order in which they start. Required. Example: [\":gateway.plan\"].",
            mandatory = True,
            providers = [SuitePlanInfo],
        ),
    },
    provides = [SuitePlanInfo],
)
