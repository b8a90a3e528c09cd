"""image_layer: a layer that depends on nothing but its content."""

load("//tools/oci/private:labels.bzl", "label_text")

def _single_file(ctx, attr_name, target):
    files = target[DefaultInfo].files.to_list()
    if len(files) != 1:
        fail("{}: '{}' must have targets with one file each, got {} files from {}; set the file's own label instead".format(
            label_text(ctx.label),
            attr_name,
            len(files),
            label_text(target.label),
        ))
    return files[0]

def _image_layer_impl(ctx):
    layer = ctx.actions.declare_file(ctx.label.name + ".tar.zst")
    args = ctx.actions.args()
    args.add("--output", layer)
    inputs = []
    for directory in ctx.attr.directories:
        args.add("--dir", directory)
    for attr_name, flag in [("files", "--file"), ("archives", "--zip")]:
        for target, path in getattr(ctx.attr, attr_name).items():
            source = _single_file(ctx, attr_name, target)
            inputs.append(source)
            args.add(flag, source, format = path.replace("%", "%%") + "=%s")
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = inputs,
        outputs = [layer],
        mnemonic = "ImageLayer",
        progress_message = "Writing image layer %{label}",
    )
    return [DefaultInfo(files = depset([layer]))]

image_layer = rule(
    implementation = _image_layer_impl,
    doc = """Writes one layer without times, names or paths of the build; equal content gives equal bytes.

The layer is compressed by zstd: docs/benchmarks.md, "Compression of layers", has the measurements. It needs containerd 1.5,
Docker 23, Podman or CRI-O.

```starlark
image_layer(
    name = "layer",
    directories = ["/tmp:1777"],
    files = {":gateway": "/gateway:0755"},
)
```

makes `layer.tar.zst`. Parent directories are made with mode 0755 and owner 0.
""",
    attrs = {
        "archives": attr.label_keyed_string_dict(
            allow_files = [".zip"],
            doc = "Zip archives, and the directory that each one's files are put into with mode 0644. " +
                  "Example: {\":zones.zip\": \"/usr/share/zoneinfo\"}. Unset: none.",
        ),
        "directories": attr.string_list(
            doc = "Directories as PATH:MODE[:OWNER]; the mode is octal, the owner a number that is user and group, 0 when left out. " +
                  "Example: [\"/tmp:1777\", \"/home/nonroot:0700:65532\"]. Unset: the parents of the files alone.",
        ),
        "files": attr.label_keyed_string_dict(
            allow_files = True,
            doc = "Files, each a target with one output, as PATH:MODE[:OWNER]. Example: {\":gateway\": \"/gateway:0755\"}. Unset: none.",
        ),
        "_tool": attr.label(
            cfg = "exec",
            default = "//tools/oci/layer",
            executable = True,
        ),
    },
)
