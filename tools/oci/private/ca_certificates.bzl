"""ca_certificates: the root certificates that images trust."""

def _ca_certificates_impl(ctx):
    bundle = ctx.actions.declare_file(ctx.label.name + ".crt")
    args = ctx.actions.args()
    args.add("--output", bundle)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        outputs = [bundle],
        mnemonic = "CaCertificates",
        progress_message = "Writing CA certificates",
    )
    return [DefaultInfo(files = depset([bundle]))]

ca_certificates = rule(
    implementation = _ca_certificates_impl,
    doc = "Writes `<name>.crt`, Mozilla's root certificates in PEM form, as go.mod pins them.",
    attrs = {
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/oci/base/certificates",
            executable = True,
        ),
    },
)
