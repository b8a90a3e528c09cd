"""suite_graph: a package's suites and the services, as data."""

load("//tools/ci/private:service_list_info.bzl", "ServiceListInfo")
load("//tools/e2e:defs.bzl", "SuitePlanInfo")
load("//tools/oci:defs.bzl", "label_text")

def _suite_graph_impl(ctx):
    graph = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(graph, json.encode_indent({
        "command": label_text(ctx.label.same_package_label(ctx.attr.command)),
        "file": "{}/{}".format(ctx.label.package, ctx.attr.file),
        "services": ctx.attr.services[ServiceListInfo].services,
        "suites": [target[SuitePlanInfo].summary for target in ctx.attr.plans],
    }) + "\n")

    # The plans are there to be built: the check that a plan goes through is part of what the matrix promises.
    plans = [target[SuitePlanInfo].plan for target in ctx.attr.plans]
    return [DefaultInfo(
        files = depset([graph]),
        runfiles = ctx.runfiles(files = [graph] + plans),
    )]

suite_graph = rule(
    implementation = _suite_graph_impl,
    doc = """Writes `<name>.json`: what each suite consists of, and which services there are.

It reads providers, never images: writing the matrix builds none of them. Nothing in the file depends on the machine.
""",
    attrs = {
        "command": attr.string(
            doc = "Name of the target of this package that writes the matrix. Required. Example: \"matrix\".",
            mandatory = True,
        ),
        "file": attr.string(
            doc = "The matrix's path in this package. Required. Example: \"E2E_SERVICE_DEPENDENCY_MATRIX.md\".",
            mandatory = True,
        ),
        "plans": attr.label_list(
            doc = "suite_plan of each suite. Unset: there is no suite.",
            providers = [SuitePlanInfo],
        ),
        "services": attr.label(
            doc = "service_list. Required. Example: \"//services\".",
            mandatory = True,
            providers = [ServiceListInfo],
        ),
    },
)
