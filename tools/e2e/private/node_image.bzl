"""node_image: the identity of the image that kind's nodes run."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//tools/e2e/private:node_image_info.bzl", "NodeImageInfo")
load("//tools/e2e/private:paths.bzl", "split_reference")
load("//tools/oci:defs.bzl", "label_text")

# Built on this machine by tools/offline: what follows the @ is the engine's image id, not a digest that it could be
# referred to by.
_LOCAL_PREFIX = "kubernaut/node:"

def _node_image_impl(ctx):
    reference = ctx.attr.reference[BuildSettingInfo].value
    parts = split_reference(reference)
    if not parts:
        fail("{}: 'reference' must be \"<name>:<tag>@sha256:<64 hex digits>\", got \"{}\"; set --{} to such a reference instead".format(
            label_text(ctx.label),
            reference,
            label_text(ctx.attr.reference.label),
        ))
    identity = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(identity, json.encode({
        "digest": parts.digest,
        "reference": parts.name if reference.startswith(_LOCAL_PREFIX) else reference,
    }) + "\n")
    return [
        DefaultInfo(files = depset([identity])),
        NodeImageInfo(default_reference = ctx.attr.default_reference),
    ]

node_image = rule(
    implementation = _node_image_impl,
    doc = """Writes `<name>.json`, the reference and the digest of the node image.

The image itself is not an input: the engine has it or pulls it. Its digest is, so a suite that passed with one node image
runs again with another.
""",
    attrs = {
        "default_reference": attr.string(
            doc = "The flag's default, which generated documents name: they must not depend on the machine. " +
                  "Example: DEFAULT_NODE_IMAGE. Unset: they name the target alone.",
        ),
        "reference": attr.label(
            doc = "string_flag with \"<name>:<tag>@sha256:<64 hex digits>\". Required. Example: \":node_image_reference\".",
            mandatory = True,
            providers = [BuildSettingInfo],
        ),
    },
    provides = [NodeImageInfo],
)
