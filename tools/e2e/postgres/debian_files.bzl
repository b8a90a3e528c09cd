"""debian_files: PostgreSQL's files of Debian's packages, as an image layer."""

# tools/offline writes the file that this names: {"files": {"<path in the image>:<octal mode>": "<path on this machine>"}}.
_VARIABLE = "KUBERNAUT_POSTGRES_FILES"

_LAYER = """\
load("{defs}", "image_layer")

image_layer(
    name = "layer",
    files = {files},
    tags = ["manual"],
    visibility = ["//visibility:public"],
)
"""

# Queries load this repository on every machine, so it fails only when somebody builds it.
_NONE = """\
genrule(
    name = "layer",
    outs = ["layer.tar"],
    cmd = "echo >&2 '//tools/e2e/postgres: error: this machine has no list of PostgreSQL files ({variable} is not set); " +
          "leave out --//tools/e2e/postgres:source=debian, or use tools/bazelw with KUBERNAUT_OFFLINE=1'; exit 1",
    tags = ["manual"],
    visibility = ["//visibility:public"],
)
"""

def _debian_files_impl(ctx):
    listing = ctx.os.environ.get(_VARIABLE)
    if not listing:
        ctx.file("BUILD.bazel", _NONE.format(variable = _VARIABLE))
        return
    targets = {}
    for target, source in json.decode(ctx.read(listing))["files"].items():
        name = "root" + target.rpartition(":")[0]
        ctx.symlink(source, name)
        targets[":" + name] = target
    ctx.file("BUILD.bazel", _LAYER.format(
        defs = str(Label("//tools/oci:defs.bzl")),
        files = json.encode_indent(targets, prefix = "    ", indent = "    "),
    ))

debian_files = repository_rule(
    implementation = _debian_files_impl,
    doc = "Makes `//:layer`, an image_layer of the files that " + _VARIABLE + " lists. Without the variable, building it fails.",
    environ = [_VARIABLE],
)
