"""The rule behind the `oci_image_index` macro."""

load(":label.bzl", "label_text")

_DOC = """Builds an OCI image index, one image for several platforms:
<https://github.com/opencontainers/image-spec/blob/main/image-index.md>.

Name one `oci_image` per platform, or one `oci_image` and the `platforms` to build it for.
"""

def _platforms_transition_impl(_settings, attr):
    return [
        {"//command_line_option:platforms": str(platform)}
        for platform in attr.platforms
    ]

_platforms_transition = transition(
    implementation = _platforms_transition_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

_ATTRS = {
    "annotations": attr.label(
        allow_single_file = True,
        doc = "A file of `key=value` lines: annotations of the index. Unset: none.",
    ),
    "images": attr.label_list(
        mandatory = True,
        cfg = _platforms_transition,
        doc = """The `oci_image` targets, in the order in which the index lists them; exactly one when `platforms` is
set. Example: `[":image_amd64", ":image_arm64"]`.""",
    ),
    "platforms": attr.label_list(
        providers = [platform_common.PlatformInfo],
        doc = """Platforms to build the one image for. Example: `["@rules_go//go/toolchain:linux_amd64"]`. Unset:
the images are built for the platform of the command line.""",
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
    "_tool": attr.label(default = "//tool/cmd/oci_build", executable = True, cfg = "exec"),
}

def _oci_image_index_impl(ctx):
    # With platforms, the transition has multiplied the images.
    if ctx.attr.platforms and len(ctx.attr.images) != len(ctx.attr.platforms):
        fail("%s: 'images' must hold exactly one image when 'platforms' is set, got %d; set one image, or unset 'platforms' instead" %
             (label_text(ctx.label), len(ctx.attr.images) // len(ctx.attr.platforms)))

    output = ctx.actions.declare_directory(ctx.label.name)
    spec = ctx.actions.declare_file(ctx.label.name + ".index.json")
    ctx.actions.write(spec, json.encode({
        "label": label_text(ctx.label),
        "output": output.path,
        "images": [image.path for image in ctx.files.images],
        "annotations": ctx.file.annotations.path if ctx.file.annotations else "",
    }))
    linked = depset(transitive = [
        files
        for image in ctx.attr.images
        for files in [image[DefaultInfo].files, image[DefaultInfo].default_runfiles.files]
    ])
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = ["index", spec.path],
        inputs = depset(
            [spec] + ([ctx.file.annotations] if ctx.file.annotations else []),
            transitive = [linked],
        ),
        outputs = [output],
        mnemonic = "OCIIndex",
        progress_message = "Building image index %{label}",
    )
    return [DefaultInfo(
        files = depset([output]),
        runfiles = ctx.runfiles(transitive_files = linked),
    )]

oci_image_index = rule(
    implementation = _oci_image_index_impl,
    doc = _DOC,
    attrs = _ATTRS,
)
