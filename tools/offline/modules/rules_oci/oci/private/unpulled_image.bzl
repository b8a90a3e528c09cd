"""The rule of an image that would have to be pulled."""

load(":label.bzl", "label_text")

def _unpulled_image_impl(ctx):
    fail("{}: {} cannot be pulled: this rules_oci is the stand-in for machines that reach no registry; use an image that is built here, or a machine with the published rules_oci, instead".format(
        label_text(ctx.label),
        ctx.attr.reference,
    ))

unpulled_image = rule(
    implementation = _unpulled_image_impl,
    doc = "Fails with the reason.",
    attrs = {
        "reference": attr.string(doc = "The image. Example: `\"docker.io/library/postgres@sha256:…\"`.", mandatory = True),
    },
)
