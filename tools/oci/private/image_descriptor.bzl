"""image_descriptor: a few KB that stand for an image."""

load("//tools/oci/private:image_descriptor_info.bzl", "ImageDescriptorInfo")
load("//tools/oci/private:labels.bzl", "label_text", "package_name_of")

def _image_descriptor_impl(ctx):
    layouts = ctx.files.image
    if len(layouts) != 1 or not layouts[0].is_directory:
        fail("{}: 'image' must make one OCI layout directory, got {} from {}; set an oci_image or its like instead".format(
            label_text(ctx.label),
            [f.basename for f in layouts],
            label_text(ctx.attr.image.label),
        ))
    image_name = ctx.attr.image_name or package_name_of(ctx.label.package)
    image_label = label_text(ctx.attr.image.label)
    stem = ctx.label.name.removesuffix(".descriptor")
    descriptor = ctx.actions.declare_file(stem + ".descriptor.json")
    args = ctx.actions.args()
    args.add("--label", image_label)
    args.add("--name", image_name)
    args.add("--output", descriptor)

    # The directory itself: add() on a tree artifact gives its path, add_all() would list its files.
    args.add_all("--layout", layouts, expand_directories = False)
    bases = ctx.files.base
    if bases and not ctx.attr.upstreams:
        fail("{}: 'base' must not be set without 'upstreams', got {}; set upstreams = [\"gcr.io/distroless/static\"] or the like, or no base instead".format(
            label_text(ctx.label),
            label_text(ctx.attr.base.label),
        ))
    args.add_all("--base", bases, expand_directories = False)
    args.add_all(ctx.attr.upstreams, before_each = "--upstream")
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = layouts + bases,
        outputs = [descriptor],
        mnemonic = "ImageDescriptor",
        progress_message = "Describing image %{label}",
    )
    return [
        DefaultInfo(files = depset([descriptor])),
        ImageDescriptorInfo(
            descriptor = descriptor,
            image_label = image_label,
            image_name = image_name,
            layout = layouts[0],
        ),
    ]

image_descriptor = rule(
    implementation = _image_descriptor_impl,
    doc = """Writes an image's descriptor: manifest, configuration, and the layers' digests and sizes.

Remote caches keep the descriptor, so a machine that runs a suite needs this file and not the layers.

```starlark
image_descriptor(
    name = "image.descriptor",
    image = ":image",
)
```

makes `image.descriptor.json`. service_image does this already.

Layers that come from a registry can be read there by slipway when no layout and no cache has them, and a push to the same
registry takes them over from there:

```starlark
image_descriptor(
    name = "image.descriptor",
    base = "@distroless_static",
    image = ":image",
    upstreams = ["gcr.io/distroless/static"],
)
```
""",
    attrs = {
        "base": attr.label(
            doc = "The image below `image`, a target with one OCI layout directory: its layers are those that `upstreams` have. Not " +
                  "allowed without `upstreams`. Example: \"@distroless_static\". Unset, `upstreams` may have any layer.",
        ),
        "image": attr.label(
            doc = "Target whose default output is one OCI layout directory with an image for one platform: rules_oci's " +
                  "oci_image, rules_img's, anyone's. Required. Example: \":image\".",
            mandatory = True,
        ),
        "image_name": attr.string(
            doc = "The image's repository, its placeholder in manifests and its key in suites: lower case, digits, '-', '.', '_'. " +
                  "Unset, it is the last segment of the package: \"gateway\" in //services/gateway.",
        ),
        "upstreams": attr.string_list(
            doc = "Repositories, host and path in lower case without scheme, tag and digest, that layers can be pulled from, in the " +
                  "order to ask. One that lacks a layer is no error. Example: [\"gcr.io/distroless/static\"]. Unset: none.",
        ),
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/oci/descriptor",
            executable = True,
        ),
    },
    provides = [ImageDescriptorInfo],
)
