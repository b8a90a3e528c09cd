"""platform_image: an image, built for a platform."""

_PLATFORMS = "//command_line_option:platforms"

# Without a platform nothing changes: not even another name of the same platform, which would build everything once more, in
# another folder, and call the result the same.
def _platform_transition_impl(settings, attr):
    return {_PLATFORMS: [str(attr.platform)] if attr.platform else settings[_PLATFORMS]}

_platform_transition = transition(
    implementation = _platform_transition_impl,
    inputs = [_PLATFORMS],
    outputs = [_PLATFORMS],
)

def _platform_image_impl(ctx):
    # A transition of an attribute makes a list of its target.
    image = ctx.attr.image[0][DefaultInfo]
    return [DefaultInfo(files = image.files, runfiles = image.default_runfiles)]

platform_image = rule(
    implementation = _platform_image_impl,
    doc = """Is an image, built for a platform, whatever the command line's platform is.

```starlark
platform_image(
    name = "index.arm64",
    image = ":image",
    platform = "@rules_go//go/toolchain:linux_arm64",
)
```
""",
    attrs = {
        "image": attr.label(
            cfg = _platform_transition,
            doc = "oci_image or another target with an OCI layout. Required. Example: \":image\".",
            mandatory = True,
        ),
        "platform": attr.label(
            doc = "Platform to build it for. Example: \"@rules_go//go/toolchain:linux_arm64\". Unset: the command line's.",
            providers = [platform_common.PlatformInfo],
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
