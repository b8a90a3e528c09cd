"""image_sizes: what the services' images weigh together."""

load("//tools/oci:defs.bzl", "ImageListInfo", "rlocation_path", "runner")

def _measurement_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".json")
    images = ctx.attr.services[ImageListInfo].images
    args = ctx.actions.args()
    args.add("measure")
    args.add(output, format = "--output=%s")
    for image in images:
        args.add_all([image.layout], format_each = image.descriptor.path + "=%s", expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = [file for image in images for file in [image.descriptor, image.layout]],
        outputs = [output],
        mnemonic = "ImageSizes",
        progress_message = "Measuring %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

image_measurement = rule(
    implementation = _measurement_impl,
    doc = "Writes the sizes of all layers as JSON. Its action is the only one that needs the layers.",
    attrs = {
        "services": attr.label(
            doc = "service_list. Required.",
            mandatory = True,
            providers = [ImageListInfo],
        ),
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/ci/sizes",
            executable = True,
        ),
    },
)

def _sizes_impl(ctx):
    return runner(
        ctx,
        program = ctx.attr._tool,
        environment = {
            "IMAGE_MAX_COMPRESSED": str(ctx.attr.max_compressed),
            "IMAGE_MAX_UNPACKED": str(ctx.attr.max_unpacked),
            "IMAGE_SIZES": rlocation_path(ctx.workspace_name, ctx.file.measurement.short_path),
        },
        files = [ctx.file.measurement],
    )

_ATTRS = {
    "max_compressed": attr.int(
        doc = "Limit in bytes. Required.",
        mandatory = True,
    ),
    "max_unpacked": attr.int(
        doc = "Limit in bytes. Required.",
        mandatory = True,
    ),
    "measurement": attr.label(
        allow_single_file = [".json"],
        doc = "image_measurement. Required.",
        mandatory = True,
    ),
    "_tool": attr.label(
        cfg = "target",
        default = "//tools/ci/sizes",
        executable = True,
    ),
}

image_sizes_print = rule(
    implementation = _sizes_impl,
    doc = "Prints the table under `bazel run`.",
    attrs = _ATTRS,
    executable = True,
)

image_sizes_test = rule(
    implementation = _sizes_impl,
    doc = "Holds the images to the limits under `bazel test`.",
    attrs = _ATTRS,
    test = True,
)

def image_sizes(name, services, max_unpacked, max_compressed):
    """Makes `:<name>`, which prints what the images weigh together, and `:<name>_test`, which fails above a limit.

    Layers that several images have count once. All images must stand on one base layer.

    ```starlark
    image_sizes(
        name = "sizes",
        max_compressed = 110000000,
        max_unpacked = 350000000,
        services = ":services",
    )
    ```

    Args:
        name: of the target that prints. Required. Example: "sizes".
        services: service_list. Required. Example: ":services".
        max_unpacked: most bytes of all layers as they lie in a node. Required. Example: 350000000.
        max_compressed: most bytes of all layers as a registry stores them, plain archives through gzip. Required. Example: 110000000.
    """
    measurement = name + ".measurement"
    image_measurement(
        name = measurement,
        services = services,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    image_sizes_print(
        name = name,
        max_compressed = max_compressed,
        max_unpacked = max_unpacked,
        measurement = measurement,
    )
    image_sizes_test(
        name = name + "_test",
        size = "small",
        max_compressed = max_compressed,
        max_unpacked = max_unpacked,
        measurement = measurement,
    )
