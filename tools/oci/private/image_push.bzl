"""image_push: many images to a registry in one process."""

load("//tools/oci/private:image_descriptor_info.bzl", "ImageDescriptorInfo")
load("//tools/oci/private:image_index_info.bzl", "ImageIndexInfo")
load("//tools/oci/private:image_list_info.bzl", "ImageListInfo")
load("//tools/oci/private:labels.bzl", "label_text")
load("//tools/oci/private:paths.bzl", "descriptor_label", "rlocation_path")
load("//tools/oci/private:plan_images.bzl", "LAYERS_ATTRS", "plan_images")
load("//tools/oci/private:runner.bzl", "runner")
load("//tools/oci/private:service_image.bzl", "REPOSITORY_ROOT")

# plan.Version of tools/slipway/plan, which refuses a plan of another version.
_VERSION = 1

def _image_push_impl(ctx):
    images = [target[ImageDescriptorInfo] for target in ctx.attr.images]
    indexes = [target[ImageIndexInfo] for target in ctx.attr.indexes]
    for target in ctx.attr.lists:
        images += target[ImageListInfo].images
        indexes += target[ImageListInfo].indexes
    label = label_text(ctx.label)
    if not images and not indexes:
        fail("{}: 'images' must name an image when 'lists' names none, got neither; set images = [\":image\"] instead".format(label))
    named = plan_images(ctx, label, images)
    named_indexes = plan_images(ctx, label, indexes)
    plan = ctx.actions.declare_file(ctx.label.name + ".plan.json")
    ctx.actions.write(plan, json.encode({
        "images": named.entries,
        "label": label,
        "registry": ctx.attr.registry,
        "version": _VERSION,
    } | ({"indexes": named_indexes.entries} if indexes else {})) + "\n")
    return runner(
        ctx,
        program = ctx.attr._slipway,
        environment = {"SLIPWAY_PLAN": rlocation_path(ctx.workspace_name, plan.short_path)},
        files = [plan] + named.files + named_indexes.files,
        name = ctx.label.name + ".slipway",
        outputs = [plan],
    )

_image_push = rule(
    implementation = _image_push_impl,
    doc = "Writes `<name>.plan.json` and runs slipway's program for pushes with it. The macro image_push documents the attributes.",
    attrs = {
        "images": attr.label_list(
            doc = "Descriptors of images. Unset: none beside those of the lists.",
            providers = [ImageDescriptorInfo],
        ),
        "indexes": attr.label_list(
            doc = "Descriptors of indexes. Unset: none beside those of the lists.",
            providers = [ImageIndexInfo],
        ),
        "lists": attr.label_list(
            doc = "Lists of images and of indexes. Unset: none.",
            providers = [ImageListInfo],
        ),
        "registry": attr.string(
            doc = "Host and path before the images' names. Required.",
            mandatory = True,
        ),
        "_slipway": attr.label(
            cfg = "target",
            default = "//tools/slipway/push",
            executable = True,
        ),
    } | LAYERS_ATTRS,
    executable = True,
)

def image_push(name, images = [], indexes = [], lists = [], registry = REPOSITORY_ROOT, **kwargs):
    """Makes a target that sends images to a registry under `bazel run`, and moves only what the registry lacks.

    Each image's repository is the registry and the image's name. slipway's flags follow `--`; `-- --help` lists them.

    ```starlark
    image_push(
        name = "push",
        images = ["//workflows/remediate:image"],
        lists = [":services"],
    )
    ```

        tools/bazelw run //services:push -- --registry=localhost:5001/kubernaut --tag=dev

    Args:
        name: of the target. Required. Example: "push".
        images: list of service_image or other images with a `.descriptor` beside them, or of image_descriptor targets.
            Example: ["//services/gateway:image"]. Default: none.
        indexes: list of indexes of service_images, or of index_descriptor targets: images for several platforms. A tag points to
            the index. Example: ["//services/gateway:index"]. Default: none.
        lists: list of targets that name images or indexes, such as service_list. Example: [":services"]. Default: none.
        registry: host[:port][/path] when neither --registry nor IMAGE_REGISTRY names one. Example:
            "localhost:5001/kubernaut". Default: the project's.
        **kwargs: common attributes, such as tags, testonly and visibility.
    """
    _image_push(
        name = name,
        # slipway's subcommand; what is typed after `--` follows it.
        args = ["push"],
        images = [descriptor_label(native.package_relative_label(image)) for image in images],
        indexes = [descriptor_label(native.package_relative_label(index)) for index in indexes],
        lists = lists,
        registry = registry,
        **kwargs
    )
