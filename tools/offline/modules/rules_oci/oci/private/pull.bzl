"""What stands for an image that would have to be pulled."""

_BUILD = """\
load("{rule}", "unpulled_image")

unpulled_image(
    name = "{target}",
    reference = "{reference}",
    tags = ["manual"],
    visibility = ["//visibility:public"],
)
"""

def _unpulled_repository_impl(ctx):
    ctx.file("BUILD.bazel", _BUILD.format(
        reference = ctx.attr.reference,
        rule = str(Label("//oci/private:unpulled_image.bzl")),
        target = ctx.attr.target,
    ))

unpulled_repository = repository_rule(
    implementation = _unpulled_repository_impl,
    doc = "A repository with one target, which cannot be built. Queries may load it on any machine.",
    attrs = {
        "reference": attr.string(doc = "The image, for the message. Example: `\"docker.io/library/postgres@sha256:…\"`.", mandatory = True),
        "target": attr.string(doc = "The target's name. Example: `\"postgres\"`.", mandatory = True),
    },
)
