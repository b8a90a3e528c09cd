"""plan_images: images as a plan names them."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//tools/oci/private:paths.bzl", "rlocation_path")

# The attribute of a rule that calls plan_images.
LAYERS_ATTRS = {"_layers": attr.label(default = "//tools/oci:layers")}

def plan_images(ctx, owner, images):
    """Returns what a plan says of images, and the files that it names.

    Args:
        ctx: the rule's context; the rule has LAYERS_ATTRS.
        owner: label of the plan's target as a person types it.
        images: list of ImageDescriptorInfo.

    Returns:
        struct with entries, a list of plan.Image of tools/slipway/plan, descriptors, a list of Files, and files, a list of Files
        for the runfiles: the descriptors, and the layouts only with --//tools/oci:layers=runfiles.
    """
    with_layouts = ctx.attr._layers[BuildSettingInfo].value == "runfiles"
    entries = []
    labels = {}
    for info in images:
        if info.image_name in labels:
            fail("{}: 'images' must have different names, got \"{}\" from {} and {}; set one of them instead".format(
                owner,
                info.image_name,
                labels[info.image_name],
                info.image_label,
            ))
        labels[info.image_name] = info.image_label
        layout = {"layout": rlocation_path(ctx.workspace_name, info.layout.short_path)} if with_layouts else {}
        entries.append({
            "descriptor": rlocation_path(ctx.workspace_name, info.descriptor.short_path),
            "label": info.image_label,
            "name": info.image_name,
        } | layout)
    descriptors = [info.descriptor for info in images]
    layouts = [info.layout for info in images] if with_layouts else []
    return struct(descriptors = descriptors, entries = entries, files = descriptors + layouts)
