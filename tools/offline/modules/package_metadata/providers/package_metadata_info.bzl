"""The provider that names a package's metadata file."""

PackageMetadataInfo = provider(
    doc = "What package a target came from.",
    fields = {
        "files": "depset of File: the metadata file and what it refers to.",
        "metadata": "File: JSON with `purl`, `label` and `attributes`.",
    },
)
