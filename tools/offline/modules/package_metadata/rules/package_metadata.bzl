"""The rule that declares a package's metadata."""

load("//providers:package_metadata_info.bzl", "PackageMetadataInfo")

def _package_metadata_impl(ctx):
    metadata = ctx.actions.declare_file(ctx.label.name + ".package-metadata.json")
    ctx.actions.write(metadata, json.encode({
        "attributes": {},
        "label": str(ctx.label),
        "purl": ctx.attr.purl,
    }))
    files = depset([metadata])
    return [
        DefaultInfo(files = files),
        PackageMetadataInfo(files = files, metadata = metadata),
    ]

_package_metadata = rule(
    implementation = _package_metadata_impl,
    attrs = {
        "attributes": attr.label_list(),
        "purl": attr.string(mandatory = True),
    },
    provides = [PackageMetadataInfo],
)

def package_metadata(name, purl, attributes = [], visibility = None, tags = None):
    """Declares the metadata of the repository it stands in.

    Args:
      name: target name.
      purl: package URL, `pkg:golang/github.com/google/uuid@v1.6.0`.
      attributes: accepted and not read.
      visibility: as usual.
      tags: as usual.
    """
    _package_metadata(
        name = name,
        purl = purl,
        attributes = attributes,
        visibility = visibility,
        tags = tags,
        # The repository's default_package_metadata names this very target: without this it would depend on itself.
        applicable_licenses = [],
    )
