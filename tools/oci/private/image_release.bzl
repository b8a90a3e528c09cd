"""image_release: tested images to the registry of releases."""

load("//tools/oci/private:image_index_info.bzl", "ImageIndexInfo")
load("//tools/oci/private:image_list_info.bzl", "ImageListInfo")
load("//tools/oci/private:labels.bzl", "label_text")
load("//tools/oci/private:paths.bzl", "descriptor_label", "rlocation_path")
load("//tools/oci/private:runner.bzl", "runner")
load("//tools/oci/private:service_image.bzl", "REPOSITORY_ROOT")

# plan.Version of tools/slipway/plan, which refuses a plan of another version.
_VERSION = 1

def _entry(ctx, info):
    return {
        "descriptor": rlocation_path(ctx.workspace_name, info.descriptor.short_path),
        "label": info.image_label,
        "name": info.image_name,
        "sboms": {
            platform: rlocation_path(ctx.workspace_name, sbom.short_path)
            for platform, sbom in info.sboms.items()
        },
    }

def _image_release_impl(ctx):
    indexes = [target[ImageIndexInfo] for target in ctx.attr.indexes]
    for target in ctx.attr.lists:
        indexes += target[ImageListInfo].indexes
    label = label_text(ctx.label)
    if not indexes:
        fail("{}: 'indexes' must name an index when 'lists' names none, got neither; set indexes = [\":index\"] instead".format(label))
    plan = ctx.actions.declare_file(ctx.label.name + ".plan.json")
    ctx.actions.write(plan, json.encode({
        "from": ctx.attr.tested,
        "label": label,
        "services": [_entry(ctx, info) for info in indexes],
        "to": ctx.attr.registry,
        "version": _VERSION,
    }) + "\n")
    return runner(
        ctx,
        program = ctx.attr._slipway,
        environment = {"SLIPWAY_PLAN": rlocation_path(ctx.workspace_name, plan.short_path)},
        files = [plan] + [file for info in indexes for file in [info.descriptor] + info.sboms.values()],
        name = ctx.label.name + ".slipway",
        outputs = [plan],
    )

_image_release = rule(
    implementation = _image_release_impl,
    doc = "Writes `<name>.plan.json` and runs slipway with it. The macro image_release documents the attributes.",
    attrs = {
        "indexes": attr.label_list(
            doc = "Descriptors of indexes. Unset: none beside those of the lists.",
            providers = [ImageIndexInfo],
        ),
        "lists": attr.label_list(
            doc = "Lists of indexes. Unset: none.",
            providers = [ImageListInfo],
        ),
        "registry": attr.string(
            doc = "Where releases go. Required.",
            mandatory = True,
        ),
        "tested": attr.string(
            doc = "Where CI has pushed what it tested. Required.",
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

def image_release(name, registry, indexes = [], lists = [], tested = REPOSITORY_ROOT, **kwargs):
    """Makes a target that copies tested images from CI's registry to that of releases, and rebuilds none.

    slipway's flags follow `--`; `-- --help` lists them.

    ```starlark
    image_release(
        name = "release",
        lists = [":services.indexes"],
        registry = "quay.io/kubernaut",
    )
    ```

        tools/bazelw run //services:release -- --version=v1.2.3 --dry-run

    Args:
        name: of the target. Required. Example: "release".
        registry: host[:port][/path] that releases go to when --to names no other. Required. Example: "quay.io/kubernaut".
        indexes: list of indexes of service_images, or of index_descriptor targets. Example: ["//services/gateway:index"]. Default: none.
        lists: list of targets that name indexes, such as service_list's. Example: [":services.indexes"]. Default: none.
        tested: host[:port][/path] that CI pushes to, when --from names no other. Default: the project's.
        **kwargs: common attributes, such as tags, testonly and visibility.
    """
    _image_release(
        name = name,
        # slipway's subcommand; what is typed after `--` follows it.
        args = ["release"],
        indexes = [descriptor_label(native.package_relative_label(index)) for index in indexes],
        lists = lists,
        registry = registry,
        tested = tested,
        **kwargs
    )
