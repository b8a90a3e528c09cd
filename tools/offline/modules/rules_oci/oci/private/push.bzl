"""The rule behind the `oci_push` macro."""

load(":label.bzl", "label_text")
load(":launcher.bzl", "launcher", "rlocation")

_DOC = """Pushes an image or an index to a registry with `bazel run`.

The image is pushed by its digest first, then each tag is set, so a failure never leaves a tag on half an image. What
the registry has is not sent again. Credentials are those of `docker login` and `podman login`.

Flags: `--repository=REPOSITORY` (`-r`) in place of the attribute, `--tag=TAG` (`-t`, repeatable) in addition to
`remote_tags`, `--insecure` for a registry without a trusted certificate. The pushed reference is printed on stdout.
"""

_ATTRS = {
    "image": attr.label(
        mandatory = True,
        allow_single_file = True,
        doc = "The `oci_image` or `oci_image_index` to push. Example: `\":image\"`.",
    ),
    "remote_tags": attr.label(
        allow_single_file = True,
        doc = "A file of one tag per line, set after the push. Unset: no tag is set.",
    ),
    "repository": attr.string(doc = """Where to push, without tag or digest. Example: `"ghcr.io/team/app"`. Unset:
`repository_file`, or the `--repository` flag."""),
    "repository_file": attr.label(
        allow_single_file = True,
        doc = "A file with the repository on one line, e.g. a stamped one. Unused when `repository` is set.",
    ),
    "_tool": attr.label(default = "//tool/cmd/oci_push", executable = True, cfg = "exec"),
}

def _check_repository(ctx):
    repository = ctx.attr.repository
    if "@" in repository or ":" in repository.split("/")[-1]:
        fail("%s: 'repository' must have no tag or digest, got %r; set 'remote_tags' instead" %
             (label_text(ctx.label), repository))

def _oci_push_impl(ctx):
    if not ctx.file.image.is_directory:
        fail("%s: 'image' must be an oci_image or oci_image_index, got the file %s; set such a target instead" %
             (label_text(ctx.label), ctx.file.image.short_path))
    _check_repository(ctx)
    files = [ctx.file.image, ctx.file.remote_tags, ctx.file.repository_file]
    return [launcher(
        ctx,
        program = ctx.executable._tool,
        spec = {
            "label": label_text(ctx.label),
            "image": rlocation(ctx, ctx.file.image),
            "remote_tags": rlocation(ctx, ctx.file.remote_tags),
            "repository": ctx.attr.repository,
            "repository_file": rlocation(ctx, ctx.file.repository_file),
        },
        files = [file for file in files if file],
        targets = [ctx.attr.image],
    )]

oci_push = rule(
    implementation = _oci_push_impl,
    doc = _DOC,
    attrs = _ATTRS,
    executable = True,
)
