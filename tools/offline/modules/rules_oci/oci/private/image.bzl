"""The rule behind the `oci_image` macro."""

load(":label.bzl", "label_text")
load(":resource_sets.bzl", "RESOURCE_SET_ATTR", "resource_set")

_DOC = """Builds an OCI image: a directory with the layout of
<https://github.com/opencontainers/image-spec/blob/main/image-layout.md>.

Layers of a locally built image are relative symlinks to the tar files or to the base image's blobs; an image from a
cache holds copies of them.
"""

_TAR_EXTENSIONS = [".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst"]

_FILES = {
    "annotations": "A file of `key=value` lines, added to the manifest's annotations. Unset: the base's alone.",
    "cmd": """A file of one argument per line: the default arguments of the entrypoint. Empty lines are dropped and
`%5Cn` stands for a newline inside an argument. Unset: the base's, unless `entrypoint` is set.""",
    "created": """A file that holds the creation time, e.g. `2026-01-31T12:00:00Z`, taken as it is: a final newline
becomes part of the value. Unset: the base's, or 1970-01-01T00:00:00Z.""",
    "entrypoint": """A file of one argument per line: the command that a container runs, in the format of `cmd`.
Setting it drops the base's `cmd`. Unset: the base's.""",
    "env": """A file of `NAME=value` lines. A value may refer to variables of the base and of earlier lines as `$NAME`
or `${NAME}`; an unknown one expands to nothing. Unset: the base's variables.""",
    "exposed_ports": """A file that holds a comma separated list of ports without a final newline, e.g.
`8080/tcp,53/udp`. Added to the base's.""",
    "labels": "A file of `key=value` lines, added to the base's labels; equal keys are replaced.",
    "volumes": "A file that holds a comma separated list of paths without a final newline, e.g. `/data,/cache`.",
}

_ATTRS = {
    "architecture": attr.string(doc = """CPU architecture in Go's words (GOARCH), e.g. `"amd64"`. Mandatory without
`base`, not allowed with it."""),
    "base": attr.label(
        allow_single_file = True,
        doc = """The image to start from: an `oci_image` or any directory with an OCI layout of one image.
Example: `"//images:base"`. Unset: the image starts empty, and `os` and `architecture` are mandatory.""",
    ),
    "os": attr.string(doc = """Operating system in Go's words (GOOS), e.g. `"linux"`. Mandatory without `base`, not
allowed with it."""),
    "tars": attr.label_list(
        allow_files = _TAR_EXTENSIONS,
        doc = """Layers on top of the base, lowest first: tar files, plain or compressed by gzip or zstd. Put what
changes rarely first. Example: `[":libs.tar", ":app.tar.gz"]`. Unset: no layer is added.""",
    ),
    "user": attr.string(doc = """User that a container runs as: `user`, `uid`, `user:group` or `uid:gid`, e.g.
`"65532:65532"`. Unset: the base's."""),
    "variant": attr.string(doc = """Variant of the architecture, e.g. `"v8"`. Not allowed with `base`. Unset: none."""),
    "workdir": attr.string(doc = """Absolute path that a container starts in, e.g. `"/srv"`. Unset: the base's."""),
    "_tool": attr.label(default = "//tool/cmd/oci_build", executable = True, cfg = "exec"),
}

def _check_platform(ctx):
    attributes = ["architecture", "os", "variant"]
    given = [name for name in attributes if getattr(ctx.attr, name)]
    if ctx.attr.base and given:
        fail("%s: '%s' must not be set together with 'base', whose platform the image has; set it on the base instead" %
             (label_text(ctx.label), given[0]))
    if not ctx.attr.base and not (ctx.attr.os and ctx.attr.architecture):
        fail("%s: 'os' and 'architecture' must be set when 'base' is not, got os = %r, architecture = %r; set e.g. os = \"linux\", architecture = \"amd64\" instead" %
             (label_text(ctx.label), ctx.attr.os, ctx.attr.architecture))

def _describe(ctx, number, tar):
    """One action per layer, so that a changed layer does not make Bazel read the others."""
    descriptor = ctx.actions.declare_file("%s.%d.descriptor.json" % (ctx.label.name, number))
    args = ctx.actions.args()
    args.add("layer")

    # As an argument, not as str(): Bazel's rendering of labels is part of the image's history.
    args.add(tar.owner)
    args.add(tar)
    args.add(descriptor)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = [tar],
        outputs = [descriptor],
        mnemonic = "OCIDescriptor",
        progress_message = "Describing layer %{input}",
    )
    return descriptor

def _path(file):
    return file.path if file else ""

def _oci_image_impl(ctx):
    _check_platform(ctx)
    output = ctx.actions.declare_directory(ctx.label.name)
    descriptors = [_describe(ctx, i, tar) for i, tar in enumerate(ctx.files.tars)]
    files = {name: getattr(ctx.file, name) for name in _FILES}

    spec = ctx.actions.declare_file(ctx.label.name + ".image.json")
    ctx.actions.write(spec, json.encode({
        "label": label_text(ctx.label),
        "output": output.path,
        "base": _path(ctx.file.base),
        "platform": {
            "architecture": ctx.attr.architecture,
            "os": ctx.attr.os,
            "variant": ctx.attr.variant,
        },
        "layers": [
            {"path": tar.path, "descriptor": descriptor.path}
            for tar, descriptor in zip(ctx.files.tars, descriptors)
        ],
        "user": ctx.attr.user,
        "workdir": ctx.attr.workdir,
    } | {name: _path(file) for name, file in files.items()}))

    # Whoever reads the image needs what its links point to: the layers, and the base with its own layers.
    linked = [depset(ctx.files.tars)]
    if ctx.attr.base:
        base = ctx.attr.base[DefaultInfo]
        linked += [base.files, base.default_runfiles.files]

    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = ["image", spec.path],
        inputs = depset(
            [spec] + descriptors + [file for file in files.values() if file],
            transitive = linked,
        ),
        outputs = [output],
        mnemonic = "OCIImage",
        progress_message = "Building image %{label}",
        resource_set = resource_set(ctx.attr.resource_set),
    )
    return [DefaultInfo(
        files = depset([output]),
        runfiles = ctx.runfiles(transitive_files = depset(transitive = linked)),
    )]

oci_image = rule(
    implementation = _oci_image_impl,
    doc = _DOC,
    attrs = _ATTRS | RESOURCE_SET_ATTR | {
        name: attr.label(allow_single_file = True, doc = doc)
        for name, doc in _FILES.items()
    },
)
