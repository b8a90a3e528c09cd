"""edited_manifest: manifests with some of their text replaced."""

load("//tools/oci:defs.bzl", "label_text")

def _edited_manifest_impl(ctx):
    label = label_text(ctx.label)
    if not ctx.attr.replacements:
        fail("{}: 'replacements' must not be empty; set {{\"replicas: 1\": \"replicas: 2\"}} or its like instead".format(label))
    replacements = ctx.actions.declare_file(ctx.label.name + ".replacements.json")
    ctx.actions.write(replacements, json.encode(ctx.attr.replacements) + "\n")
    output = ctx.actions.declare_file(ctx.label.name + ".yaml")
    args = ctx.actions.args()
    args.add("--label", label)
    args.add("--replacements", replacements)
    args.add("--output", output)
    args.add_all(ctx.files.src)
    ctx.actions.run(
        executable = ctx.executable._edit,
        arguments = [args],
        inputs = [replacements] + ctx.files.src,
        outputs = [output],
        mnemonic = "EditManifest",
        progress_message = "Editing manifest %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

edited_manifest = rule(
    implementation = _edited_manifest_impl,
    doc = """Writes `<name>.yaml`, the manifests of `src` with texts replaced: a variant that follows the original.

The build fails when a text is not there exactly once.

```starlark
edited_manifest(
    name = "gateway_without_lists",
    src = "//services/gateway/deploy:manifests",
    replacements = {"verbs: [create, get, list]": "verbs: [create, get]"},
)
```
""",
    attrs = {
        "replacements": attr.string_dict(
            doc = "Text to what stands in its place, both of one line or several. " +
                  "Example: {\"replicas: 1\": \"replicas: 2\"}. Required.",
            mandatory = True,
        ),
        "src": attr.label(
            allow_files = [".yaml", ".yml"],
            doc = "A manifest, or a filegroup of them, which become one. Example: \"//services/gateway/deploy:manifests\". Required.",
            mandatory = True,
        ),
        "_edit": attr.label(
            cfg = "exec",
            default = "//tools/e2e/edit",
            executable = True,
        ),
    },
)
