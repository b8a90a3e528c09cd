"""suite_plan: a suite as data."""

load("//tools/e2e/private:node_image_info.bzl", "NodeImageInfo")
load("//tools/e2e/private:paths.bzl", "parse_expose")
load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")
load("//tools/oci:defs.bzl", "ImageDescriptorInfo", "LAYERS_ATTRS", "label_text", "plan_images", "rlocation_path")

# plan.Version of tools/slipway/plan, which refuses a plan of another version.
_VERSION = 1

def _rlocation(ctx, file):
    return rlocation_path(ctx.workspace_name, file.short_path)

def _program(ctx):
    """Compresses the test program, which waits on disk for its turn; slipway unpacks it to run it."""
    program = ctx.actions.declare_file(ctx.label.name + ".test.zst")
    ctx.actions.run(
        executable = ctx.executable._compress,
        arguments = [ctx.actions.args().add("--input", ctx.executable.test).add("--output", program)],
        inputs = [ctx.executable.test],
        outputs = [program],
        mnemonic = "CompressProgram",
        progress_message = "Compressing the test of %{label}",
    )
    return program

def _data(ctx):
    """Returns the runfiles of the test without the program itself."""
    runfiles = ctx.attr.test[DefaultInfo].default_runfiles
    return ctx.runfiles(
        files = [file for file in runfiles.files.to_list() if file != ctx.executable.test],
        root_symlinks = {link.path: link.target_file for link in runfiles.root_symlinks.to_list()},
        symlinks = {link.path: link.target_file for link in runfiles.symlinks.to_list()},
    )

def _plan(ctx, images, program):
    return {
        "cluster": {
            "config": _rlocation(ctx, ctx.file.kind_config),
            "nodeImage": _rlocation(ctx, ctx.file.node_image),
        },
        "expose": parse_expose(ctx.attr.suite_label, ctx.attr.expose),
        "images": images,
        "label": ctx.attr.suite_label,
        "manifests": [
            {"path": _rlocation(ctx, file), "short": file.short_path}
            for file in ctx.files.manifests
        ],
        "name": ctx.attr.suite_name,
        "namespace": ctx.attr.namespace,
        "test": {
            "args": ctx.attr.test_args,
            "binary": _rlocation(ctx, program),
            "env": ctx.attr.test_env,
            "timeout": ctx.attr.time_limit,
        },
        "version": _VERSION,
    }

def _summary(ctx):
    return struct(
        expose = parse_expose(ctx.attr.suite_label, ctx.attr.expose),
        images = [
            struct(label = target[ImageDescriptorInfo].image_label, name = target[ImageDescriptorInfo].image_name)
            for target in ctx.attr.images
        ],
        kindConfig = ctx.file.kind_config.short_path,
        label = ctx.attr.suite_label,
        manifests = [label_text(target.label) for target in ctx.attr.manifests],
        name = ctx.attr.suite_name,
        nodeImage = struct(
            label = label_text(ctx.attr.node_image.label),
            reference = ctx.attr.node_image[NodeImageInfo].default_reference,
        ),
        test = label_text(ctx.attr.test.label),
        timeLimit = ctx.attr.time_limit,
    )

def _check(ctx, draft):
    """Writes the plan by the program that checks it, so that there is no plan of a suite that does not hold together."""
    plan = ctx.actions.declare_file(ctx.label.name + ".json")
    args = ctx.actions.args()
    args.add("--draft", draft)
    args.add("--output", plan)
    for file in ctx.files.manifests:
        args.add("--manifest", file, format = file.short_path.replace("%", "%%") + "=%s")
    ctx.actions.run(
        executable = ctx.executable._check,
        arguments = [args],
        inputs = [draft] + ctx.files.manifests,
        outputs = [plan],
        mnemonic = "SuiteCheck",
        progress_message = "Checking suite %{label}",
    )
    return plan

def _suite_plan_impl(ctx):
    images = plan_images(ctx, ctx.attr.suite_label, [target[ImageDescriptorInfo] for target in ctx.attr.images])
    program = _program(ctx)
    draft = ctx.actions.declare_file(ctx.label.name + ".draft.json")
    ctx.actions.write(draft, json.encode(_plan(ctx, images.entries, program)) + "\n")
    plan = _check(ctx, draft)
    own = [plan, ctx.file.kind_config, ctx.file.node_image, program] + ctx.files.manifests
    data = _data(ctx)
    return [
        DefaultInfo(files = depset([plan]), runfiles = ctx.runfiles(files = own + images.files).merge(data)),
        SuitePlanInfo(
            plan = plan,
            portable = depset(own + images.descriptors, transitive = [data.files]),
            rlocation = _rlocation(ctx, plan),
            summary = _summary(ctx),
        ),
    ]

suite_plan = rule(
    implementation = _suite_plan_impl,
    doc = "Writes a suite's plan, `<name>.json`, after holding its manifests against its images. e2e_suite documents the attributes.",
    attrs = {
        "expose": attr.string_dict(doc = "Environment variable to \"<service>:<port name>\". Unset: the test reaches no Service."),
        "images": attr.label_list(
            doc = "Descriptors of the suite's images. Unset: none.",
            providers = [ImageDescriptorInfo],
        ),
        "kind_config": attr.label(
            allow_single_file = [".yaml"],
            doc = "kind configuration, v1alpha4. Required.",
            mandatory = True,
        ),
        "manifests": attr.label_list(
            allow_files = [".yaml", ".yml"],
            doc = "Kubernetes manifests, applied in this order within a class of kinds. Unset: none.",
        ),
        "namespace": attr.string(
            doc = "Platform namespace. Required.",
            mandatory = True,
        ),
        "node_image": attr.label(
            allow_single_file = [".json"],
            doc = "node_image. Required.",
            mandatory = True,
            providers = [NodeImageInfo],
        ),
        "suite_label": attr.string(
            doc = "The suite's label as a person types it. Required.",
            mandatory = True,
        ),
        "suite_name": attr.string(
            doc = "The suite's name. Required.",
            mandatory = True,
        ),
        "test": attr.label(
            cfg = "target",
            doc = "The test binary. Required.",
            executable = True,
            mandatory = True,
        ),
        "test_args": attr.string_list(doc = "Arguments of the test binary. Unset: none."),
        "test_env": attr.string_dict(doc = "Environment of the test binary beside what slipway sets. Unset: none."),
        "time_limit": attr.string(
            doc = "Limit of the test binary's run, a Go duration. Required.",
            mandatory = True,
        ),
        "_check": attr.label(
            cfg = "exec",
            default = "//tools/e2e/check",
            executable = True,
        ),
        "_compress": attr.label(
            cfg = "exec",
            default = "//tools/e2e/compress",
            executable = True,
        ),
    } | LAYERS_ATTRS,
    provides = [SuitePlanInfo],
)
