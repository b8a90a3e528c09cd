"""generated_resources: one run of controller-gen."""

load("@rules_go//go:def.bzl", "GoArchive")

_TOOLCHAIN = "@rules_go//go:toolchain"

def _generated_resources_impl(ctx):
    toolchain = ctx.toolchains[_TOOLCHAIN]
    sdk = toolchain.sdk
    definitions = ctx.actions.declare_file(ctx.label.name + ".yaml")
    deepcopy = ctx.actions.declare_file(ctx.label.name + ".deepcopy.go")
    args = ctx.actions.args()
    args.add("--controller-gen", ctx.executable._controller_gen)
    args.add("--goroot", sdk.root_file.dirname)
    args.add("--goos", toolchain.default_goos)
    args.add("--goarch", toolchain.default_goarch)
    args.add("--sources", ctx.file.sources)
    args.add("--package", ctx.attr.library[GoArchive].data.importpath)
    if ctx.attr.allow_dangerous_types:
        args.add("--allow-dangerous-types")
    args.add("--definitions", definitions)
    args.add("--deepcopy", deepcopy)
    ctx.actions.run(
        executable = ctx.executable._generate,
        arguments = [args],
        inputs = depset([ctx.file.sources, sdk.root_file], transitive = [sdk.srcs, sdk.headers]),
        # `go list` asks the SDK's compiler for its version.
        tools = depset([ctx.executable._controller_gen, sdk.go], transitive = [sdk.tools]),
        outputs = [definitions, deepcopy],
        mnemonic = "ControllerGen",
        progress_message = "Generating custom resources %{label}",
        toolchain = _TOOLCHAIN,
    )
    return [
        DefaultInfo(files = depset([definitions])),
        OutputGroupInfo(deepcopy = depset([deepcopy])),
    ]

generated_resources = rule(
    implementation = _generated_resources_impl,
    doc = "Writes the definitions and the deep copies of a package. custom_resources documents the outputs.",
    attrs = {
        "allow_dangerous_types": attr.bool(
            doc = "Whether fields may be floating point numbers, which are not exact in every client. Default: False.",
        ),
        "library": attr.label(
            doc = "go_library of the types. Required.",
            mandatory = True,
            providers = [GoArchive],
        ),
        "sources": attr.label(
            allow_single_file = [".zip"],
            doc = "Archive of a GOPATH with the library and all that it imports, a go_path. Required.",
            mandatory = True,
        ),
        "_controller_gen": attr.label(
            cfg = "exec",
            default = "@io_k8s_sigs_controller_tools//cmd/controller-gen",
            executable = True,
        ),
        "_generate": attr.label(
            cfg = "exec",
            default = "//tools/crd/generate",
            executable = True,
        ),
    },
    toolchains = [_TOOLCHAIN],
)
