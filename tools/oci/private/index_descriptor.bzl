"""index_descriptor: a few KB that stand for an image for several platforms, and what is in it."""

load("//tools/oci/private:image_descriptor_info.bzl", "ImageDescriptorInfo")
load("//tools/oci/private:image_index_info.bzl", "ImageIndexInfo")
load("//tools/oci/private:labels.bzl", "label_text")

def _describe(ctx, stem, layout, tested):
    descriptor = ctx.actions.declare_file(stem + ".descriptor.json")
    args = ctx.actions.args()
    args.add("--label", label_text(ctx.attr.index.label))
    args.add("--name", tested.image_name)
    args.add("--output", descriptor)
    args.add("--tested", tested.descriptor)
    args.add_all("--layout", [layout], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._descriptor,
        arguments = [args],
        inputs = [layout, tested.descriptor],
        outputs = [descriptor],
        mnemonic = "IndexDescriptor",
        progress_message = "Describing index %{label}",
    )
    return descriptor

def _list_contents(ctx, stem, layout, descriptor):
    sboms = {
        platform: ctx.actions.declare_file("{}.{}.spdx.json".format(stem, platform.replace("/", "-")))
        for platform in ctx.attr.platforms
    }
    args = ctx.actions.args()
    args.add("--descriptor", descriptor)
    args.add("--sums", ctx.file._sums)
    for platform, sbom in sboms.items():
        args.add("--output", sbom, format = platform + "=%s")
    args.add_all("--layout", [layout], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._sbom,
        arguments = [args],
        inputs = [layout, descriptor, ctx.file._sums],
        outputs = sboms.values(),
        mnemonic = "ImageContents",
        progress_message = "Listing what is in %{label}",
    )
    return sboms

def _index_descriptor_impl(ctx):
    layouts = ctx.files.index
    if len(layouts) != 1 or not layouts[0].is_directory:
        fail("{}: 'index' must make one OCI layout directory, got {} from {}; set an oci_image_index instead".format(
            label_text(ctx.label),
            [f.basename for f in layouts],
            label_text(ctx.attr.index.label),
        ))
    tested = ctx.attr.image[ImageDescriptorInfo]
    stem = ctx.label.name.removesuffix(".descriptor")
    descriptor = _describe(ctx, stem, layouts[0], tested)
    sboms = _list_contents(ctx, stem, layouts[0], descriptor)
    return [
        DefaultInfo(files = depset([descriptor] + sboms.values())),
        ImageIndexInfo(
            descriptor = descriptor,
            image_label = label_text(ctx.attr.index.label),
            image_name = tested.image_name,
            layout = layouts[0],
            sboms = sboms,
        ),
    ]

index_descriptor = rule(
    implementation = _index_descriptor_impl,
    doc = """Writes an index's descriptor, and for each platform what is in the image.

The build fails unless the index has the very image that tests run, each entry's platform is that of its image's configuration
and of the programs in its layers, and no platform is there twice.

```starlark
index_descriptor(
    name = "index.descriptor",
    image = ":image.descriptor",
    index = ":index",
    platforms = ["linux/amd64", "linux/arm64"],
)
```

makes `index.descriptor.json`, `index.linux-amd64.spdx.json` and `index.linux-arm64.spdx.json`. service_image does this already.
""",
    attrs = {
        "image": attr.label(
            doc = "Descriptor of the image that tests run. Required. Example: \":image.descriptor\".",
            mandatory = True,
            providers = [ImageDescriptorInfo],
        ),
        "index": attr.label(
            doc = "Target whose default output is one OCI layout directory with an index: rules_oci's oci_image_index. Required. Example: \":index\".",
            mandatory = True,
        ),
        "platforms": attr.string_list(
            doc = "The index's platforms, each as OS/ARCHITECTURE. Required. Example: [\"linux/amd64\", \"linux/arm64\"].",
            mandatory = True,
        ),
        "_descriptor": attr.label(
            cfg = "exec",
            default = "//tools/oci/descriptor",
            executable = True,
        ),
        "_sbom": attr.label(
            cfg = "exec",
            default = "//tools/oci/sbom",
            executable = True,
        ),
        "_sums": attr.label(
            allow_single_file = True,
            default = "//:go.sum",
        ),
    },
    provides = [ImageIndexInfo],
)
