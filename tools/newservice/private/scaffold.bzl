"""scaffold: the files of a new service."""

def _scaffold_impl(ctx):
    args = ctx.actions.args()
    args.add("--name", ctx.attr.service)
    for file in ctx.outputs.outs:
        args.add("--file", file, format = file.short_path.removeprefix(ctx.label.package + "/") + "=%s")
    ctx.actions.run(
        executable = ctx.executable._emit,
        arguments = [args],
        outputs = ctx.outputs.outs,
        mnemonic = "NewService",
        progress_message = "Writing service %{label}",
    )
    return [DefaultInfo(files = depset(ctx.outputs.outs))]

scaffold = rule(
    implementation = _scaffold_impl,
    doc = "Writes what //tools/newservice writes, but for BUILD files, which Bazel cannot read from outputs.",
    attrs = {
        "outs": attr.output_list(
            doc = "All files, by their paths in a workspace. Required. Example: [\"services/example/main.go\"].",
            mandatory = True,
        ),
        "service": attr.string(
            doc = "The service's name. Required. Example: \"example\".",
            mandatory = True,
        ),
        "_emit": attr.label(
            cfg = "exec",
            default = "//tools/newservice/emit",
            executable = True,
        ),
    },
)
