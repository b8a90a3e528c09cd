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
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = layouts,
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
""",
    attrs = {
        "image": attr.label(
            doc = "Target whose default output is one OCI layout directory with an image for one platform: rules_oci's " +
                  "oci_image, rules_img's, anyone's. Required. Example: \":image\".",
            mandatory = True,
        ),
        "image_name": attr.string(
            doc = "The image's repository, its placeholder in manifests and its key in suites: lower case, digits, '-', '.', '_'. " +
                  "Unset, it is the last segment of the package: \"gateway\" in //services/gateway.",
        ),
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/oci/descriptor",
            executable = True,
        ),
    },
    provides = [ImageDescriptorInfo],
)
