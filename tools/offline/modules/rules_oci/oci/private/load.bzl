"""The rule behind the `oci_load` macro."""

load(":label.bzl", "label_text")
load(":launcher.bzl", "launcher", "rlocation")

_DOC = """Loads an image into the machine's container engine with `bazel run`.

The archive is made while the engine reads it, so nothing large is built or cached. For the archive as a file, build
the output group: `bazel build --output_groups=+tarball :load`, or a `filegroup` with `output_group = "tarball"`.
"""

_ATTRS = {
    "format": attr.string(
        default = "docker",
        values = ["docker", "oci"],
        doc = """Format of the archive: `docker` for an `oci_image`, `oci` for an `oci_image_index` (Docker needs the
containerd image store for it). Default: `docker`.""",
    ),
    "image": attr.label(
        mandatory = True,
        allow_single_file = True,
        doc = "The `oci_image` or `oci_image_index` to load. Example: `\":image\"`.",
    ),
    "loader": attr.label(
        allow_files = True,
        executable = True,
        cfg = "target",
        doc = """The container engine's client, run as `LOADER load --input FILE`. Unset: the first of `docker`,
`podman` and `nerdctl` that is on PATH.""",
    ),
    "repo_tags": attr.label(
        mandatory = True,
        allow_single_file = [".txt"],
        doc = "A file of one `repository:tag` per line: the names that the image gets.",
    ),
    "_build_tool": attr.label(default = "//tool/cmd/oci_build", executable = True, cfg = "exec"),
    "_tool": attr.label(default = "//tool/cmd/oci_load", executable = True, cfg = "exec"),
}

def _tarball(ctx):
    tarball = ctx.actions.declare_file(ctx.label.name + "/tarball.tar")
    args = ctx.actions.args()
    args.add("archive")
    args.add(ctx.file.image.path)
    args.add(ctx.attr.format)
    args.add(ctx.file.repo_tags)
    args.add(tarball)
    ctx.actions.run(
        executable = ctx.executable._build_tool,
        arguments = [args],
        inputs = depset(
            [ctx.file.image, ctx.file.repo_tags],
            transitive = [ctx.attr.image[DefaultInfo].default_runfiles.files],
        ),
        outputs = [tarball],
        mnemonic = "OCITarball",
        progress_message = "Writing image archive %{label}",
    )
    return tarball

def _oci_load_impl(ctx):
    loader = ctx.executable.loader
    info = launcher(
        ctx,
        program = ctx.executable._tool,
        spec = {
            "label": label_text(ctx.label),
            "image": rlocation(ctx, ctx.file.image),
            "format": ctx.attr.format,
            "loader": rlocation(ctx, loader),
            "repo_tags": rlocation(ctx, ctx.file.repo_tags),
        },
        files = [ctx.file.image, ctx.file.repo_tags] + ([loader] if loader else []),
        targets = [ctx.attr.image] + ([ctx.attr.loader] if loader else []),
    )
    return [info, OutputGroupInfo(tarball = depset([_tarball(ctx)]))]

oci_load = rule(
    implementation = _oci_load_impl,
    doc = _DOC,
    attrs = _ATTRS,
    executable = True,
)
