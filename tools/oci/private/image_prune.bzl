"""image_prune: the repositories of many images, to delete from what CI has left there."""

load("//tools/oci/private:image_descriptor_info.bzl", "ImageDescriptorInfo")
load("//tools/oci/private:image_list_info.bzl", "ImageListInfo")
load("//tools/oci/private:labels.bzl", "label_text")
load("//tools/oci/private:paths.bzl", "descriptor_label", "rlocation_path")
load("//tools/oci/private:runner.bzl", "runner")
load("//tools/oci/private:service_image.bzl", "REPOSITORY_ROOT")

# plan.Version of tools/slipway/plan, which refuses a plan of another version.
_VERSION = 1

def _image_prune_impl(ctx):
    images = [target[ImageDescriptorInfo] for target in ctx.attr.images]
    for target in ctx.attr.lists:
        images += target[ImageListInfo].images
    label = label_text(ctx.label)
    if not images:
        fail("{}: 'images' must name an image when 'lists' names none, got neither; set images = [\":image\"] instead".format(label))
    plan = ctx.actions.declare_file(ctx.label.name + ".plan.json")
    ctx.actions.write(plan, json.encode({
        "label": label,
        "registry": ctx.attr.registry,
        "repositories": [image.image_name for image in images],
        "version": _VERSION,
    }) + "\n")
    return runner(
        ctx,
        program = ctx.attr._slipway,
        environment = {"SLIPWAY_PLAN": rlocation_path(ctx.workspace_name, plan.short_path)},
        files = [plan],
        name = ctx.label.name + ".slipway",
        outputs = [plan],
    )

_image_prune = rule(
    implementation = _image_prune_impl,
    doc = "Writes `<name>.plan.json` and runs slipway with it. The macro image_prune documents the attributes.",
    attrs = {
        "images": attr.label_list(
            doc = "Descriptors of images. Unset: none beside those of the lists.",
            providers = [ImageDescriptorInfo],
        ),
        "lists": attr.label_list(
            doc = "Lists of images. Unset: none.",
            providers = [ImageListInfo],
        ),
        "registry": attr.string(
            doc = "Host and path before the images' names. Required.",
            mandatory = True,
        ),
        "_slipway": attr.label(
            cfg = "target",
            default = "//tools/slipway",
            executable = True,
        ),
    },
    executable = True,
)

def image_prune(name, images = [], lists = [], registry = REPOSITORY_ROOT, **kwargs):
    """Makes a target that says under `bazel run` what may go from the images' repositories, and deletes it with `--delete`.

    It takes the images' names alone: none of them is built. slipway's flags follow `--`; `-- --help` lists them.

    ```starlark
    image_prune(
        name = "prune",
        images = ["//workflows/remediate:image"],
        lists = [":services"],
    )
    ```

        tools/bazelw run //services:prune -- --registry=localhost:5001/kubernaut --closed=12,15

    Args:
        name: of the target. Required. Example: "prune".
        images: list of service_image or other images with a `.descriptor` beside them, or of image_descriptor targets.
            Example: ["//services/gateway:image"]. Default: none.
        lists: list of targets that name images, such as service_list. Example: [":services"]. Default: none.
        registry: host[:port][/path] when neither --registry nor IMAGE_REGISTRY names one. Example:
            "localhost:5001/kubernaut". Default: the project's.
        **kwargs: common attributes, such as tags, testonly and visibility.
    """
    _image_prune(
        name = name,
        # slipway's subcommand; what is typed after `--` follows it.
        args = ["prune"],
        images = [descriptor_label(native.package_relative_label(image)) for image in images],
        lists = lists,
        registry = registry,
        **kwargs
    )
