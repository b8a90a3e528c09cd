"""The module extension `oci`, by which a MODULE.bazel declares images of registries.

```starlark
oci = use_extension("@rules_oci//oci:extensions.bzl", "oci")
oci.pull(
    name = "postgres",
    digest = "sha256:…",
    image = "docker.io/library/postgres",
    platforms = ["linux/amd64"],
)
use_repo(oci, "postgres", "postgres_linux_amd64")
```

Here the repository exists and can be queried, and building its target fails: this module is for machines that reach no
registry.
"""

load("//oci/private:pull.bzl", "unpulled_repository")

_pull = tag_class(attrs = {
    "config": attr.label(doc = "The published module's; ignored here."),
    "digest": attr.string(doc = "Digest of the image or its index, e.g. `\"sha256:…\"`. Unset: `tag` says which."),
    "image": attr.string(doc = "The image without a tag, e.g. `\"docker.io/library/postgres\"`."),
    "name": attr.string(doc = "The repository's name, and its target's."),
    "platforms": attr.string_list(doc = """Platforms of an index, e.g. `["linux/amd64", "linux/arm64/v8"]`. Each gets a
repository of its own, e.g. `postgres_linux_amd64`. Unset: the image is for one platform."""),
    "reproducible": attr.bool(default = True, doc = "The published module's; ignored here."),
    "tag": attr.string(doc = "Tag of the image, when `digest` is unset."),
})

def _oci_impl(ctx):
    direct = []
    for module in ctx.modules:
        for pull in module.tags.pull:
            reference = pull.image + ("@" + pull.digest if pull.digest else ":" + pull.tag)
            names = [pull.name] + ["_".join([pull.name] + platform.split("/")) for platform in pull.platforms]
            for name in names:
                unpulled_repository(name = name, reference = reference, target = name)
            if module.is_root:
                direct += names
    return ctx.extension_metadata(root_module_direct_deps = direct, root_module_direct_dev_deps = [])

oci = module_extension(
    implementation = _oci_impl,
    doc = "Declares images of registries.",
    tag_classes = {"pull": _pull},
)
