"""The rule behind the `<name>.digest` targets."""

def _oci_digest_impl(ctx):
    image = ctx.file.image
    args = ctx.actions.args()
    args.add("digest")
    args.add(image.path)
    args.add(ctx.outputs.out)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = depset([image], transitive = [ctx.attr.image[DefaultInfo].default_runfiles.files]),
        outputs = [ctx.outputs.out],
        mnemonic = "OCIDigest",
        progress_message = "Writing digest of %{input}",
    )
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

oci_digest = rule(
    implementation = _oci_digest_impl,
    doc = "Writes the digest of an image's manifest, or of an index: `sha256:` and 64 hexadecimal digits on one line.",
    attrs = {
        "image": attr.label(
            mandatory = True,
            allow_single_file = True,
            doc = "The `oci_image` or `oci_image_index`.",
        ),
        "out": attr.output(mandatory = True, doc = "The file to write."),
        "_tool": attr.label(default = "//tool/cmd/oci_build", executable = True, cfg = "exec"),
    },
)
