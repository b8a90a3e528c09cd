"""zone_archive: the Go SDK's time zone database."""

load("//tools/oci/private:labels.bzl", "label_text")

_GO_TOOLCHAIN = "@rules_go//go:toolchain"

# The generated source of package time/tzdata. It is among the toolchain's declared files, lib/time/zoneinfo.zip is not.
_SOURCE = "/src/time/tzdata/zzipdata.go"

def _zone_archive_impl(ctx):
    sources = [f for f in ctx.toolchains[_GO_TOOLCHAIN].sdk.srcs.to_list() if f.path.endswith(_SOURCE)]
    if len(sources) != 1:
        fail("{}: the Go SDK must have one file *{}, got {}; set another SDK instead".format(
            label_text(ctx.label),
            _SOURCE,
            [f.path for f in sources],
        ))
    archive = ctx.actions.declare_file(ctx.label.name + ".zip")
    args = ctx.actions.args()
    args.add("--source", sources[0])
    args.add("--output", archive)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = sources,
        outputs = [archive],
        mnemonic = "ZoneArchive",
        progress_message = "Extracting time zones",
    )
    return [DefaultInfo(files = depset([archive]))]

zone_archive = rule(
    implementation = _zone_archive_impl,
    doc = "Writes `<name>.zip`, the time zone database of the Go SDK that the binaries are built with.",
    attrs = {
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/oci/base/zoneinfo",
            executable = True,
        ),
    },
    toolchains = [_GO_TOOLCHAIN],
)
