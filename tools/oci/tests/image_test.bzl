"""Tests of service_image and of the rules below it."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts", "unittest")
load("@rules_oci//oci:defs.bzl", "oci_image")
load("//tools/oci:defs.bzl", "ImageDescriptorInfo", "ImageIndexInfo", "descriptor_label", "image_descriptor", "image_layer", "image_prune", "image_push", "image_release", "index_descriptor", "label_text", "rlocation_path", "service_image")
load("//tools/oci/private:labels.bzl", "package_name_of")
load("//tools/oci/private:service_image.bzl", "default_repository", "image_labels")

_UPSTREAMS = [
    "mirror.example:5000/distroless/static",
    "gcr.io/distroless/static",
]

_LAYERS = str(Label("//tools/oci:layers"))

def _paths_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, "_main/test/e2e/kind.yaml", rlocation_path("_main", "test/e2e/kind.yaml"))
    asserts.equals(env, "rules~/a/b.yaml", rlocation_path("_main", "../rules~/a/b.yaml"))
    image = Label("//services/gateway:image")
    asserts.equals(env, Label("//services/gateway:image.descriptor"), descriptor_label(image))
    asserts.equals(env, Label("//a:b.descriptor"), descriptor_label(Label("//a:b.descriptor")))
    return unittest.end(env)

_paths_test = unittest.make(_paths_test_impl)

def _names_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, "gateway", package_name_of("services/gateway"))
    asserts.equals(env, "gateway", package_name_of("gateway"))
    asserts.equals(env, "ghcr.io/kubernaut/kubernaut/gateway", default_repository("gateway"))
    asserts.equals(env, "gateway", image_labels("gateway")["org.opencontainers.image.title"])
    asserts.false(env, "org.opencontainers.image.created" in image_labels("gateway"))
    asserts.equals(env, "//services/gateway:image", label_text(Label("//services/gateway:image")))
    return unittest.end(env)

_names_test = unittest.make(_names_test_impl)

def _descriptor_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[ImageDescriptorInfo]
    asserts.equals(env, "tests", info.image_name)
    asserts.equals(env, "//tools/oci/tests:image", info.image_label)
    asserts.equals(env, "image.descriptor.json", info.descriptor.basename)
    asserts.true(env, info.layout.is_directory)
    return analysistest.end(env)

_descriptor_test = analysistest.make(_descriptor_test_impl)

def _layer_test_impl(ctx):
    env = analysistest.begin(ctx)
    argv = [a for a in analysistest.target_actions(env) if a.mnemonic == "ImageLayer"][0].argv
    asserts.equals(env, ["/tests:0755=tools/oci/tests/BUILD.bazel"], _flags(argv, "--file"))
    return analysistest.end(env)

def _flags(argv, name):
    return [value for flag, value in zip(argv, argv[1:]) if flag == name]

# The base's layout is read only where upstreams want to know its layers.
def _upstreams_test_impl(ctx):
    env = analysistest.begin(ctx)
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ImageDescriptor"][0]
    bases = [f.short_path for f in action.inputs.to_list() if f.short_path == "tools/oci/base/base"]
    asserts.equals(env, ctx.attr.upstreams, _flags(action.argv, "--upstream"))
    asserts.equals(env, 1 if ctx.attr.upstreams else 0, len(_flags(action.argv, "--base")))
    asserts.equals(env, len(_flags(action.argv, "--base")), len(bases))
    return analysistest.end(env)

_upstreams_test = analysistest.make(_upstreams_test_impl, attrs = {"upstreams": attr.string_list()})

_layer_test = analysistest.make(_layer_test_impl)

# Layouts are in plan and runfiles only where layers are.
def _push_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    image = {
        "descriptor": "_main/tools/oci/tests/image.descriptor.json",
        "label": "//tools/oci/tests:image",
        "name": "tests",
    }
    asserts.equals(env, ["push"], ctx.attr.subcommand)
    layouts = [f for f in target[DefaultInfo].default_runfiles.files.to_list() if f.is_directory]
    if ctx.attr.layouts:
        image["layout"] = "_main/tools/oci/tests/image"
    asserts.equals(env, 1 if ctx.attr.layouts else 0, len(layouts))
    asserts.equals(env, {
        "images": [image],
        "label": "//tools/oci/tests:push_all",
        "registry": "localhost:5001/kubernaut",
        "version": 1,
    }, json.decode(write.content))
    asserts.equals(
        env,
        {"SLIPWAY_PLAN": "_main/tools/oci/tests/push_all.plan.json"},
        target[RunEnvironmentInfo].environment,
    )
    return analysistest.end(env)

_push_test = analysistest.make(
    _push_test_impl,
    attrs = {
        "layouts": attr.bool(),
        "subcommand": attr.string_list(),
    },
    config_settings = {_LAYERS: "runfiles"},
)
_push_cache_test = analysistest.make(
    _push_test_impl,
    attrs = {
        "layouts": attr.bool(),
        "subcommand": attr.string_list(),
    },
    config_settings = {_LAYERS: "cache"},
)

# Names are all that is taken of images: none is in the runfiles.
def _prune_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    asserts.equals(env, ["prune"], ctx.attr.subcommand)
    asserts.equals(env, {
        "label": "//tools/oci/tests:prune_all",
        "registry": "localhost:5001/kubernaut",
        "repositories": ["tests"],
        "version": 1,
    }, json.decode(write.content))
    asserts.equals(
        env,
        {"SLIPWAY_PLAN": "_main/tools/oci/tests/prune_all.plan.json"},
        target[RunEnvironmentInfo].environment,
    )
    images = [f for f in target[DefaultInfo].default_runfiles.files.to_list() if f.is_directory or f.basename.endswith("descriptor.json")]
    asserts.equals(env, [], images)
    return analysistest.end(env)

_prune_test = analysistest.make(
    _prune_test_impl,
    attrs = {"subcommand": attr.string_list()},
)

def _index_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[ImageIndexInfo]
    asserts.equals(env, "tests", info.image_name)
    asserts.equals(env, "//tools/oci/tests:index", info.image_label)
    asserts.equals(env, {
        "linux/amd64": "index.linux-amd64.spdx.json",
        "linux/arm64": "index.linux-arm64.spdx.json",
    }, {platform: sbom.basename for platform, sbom in info.sboms.items()})
    actions = {a.mnemonic: a for a in analysistest.target_actions(env)}
    inputs = [f.basename for f in actions["IndexDescriptor"].inputs.to_list()]
    asserts.true(env, "image.descriptor.json" in inputs, "the index is held against the tested image, got {}".format(inputs))
    return analysistest.end(env)

_index_test = analysistest.make(_index_test_impl)

# The image of the command line's platform is the very target that tests run: another configuration would be another folder.
def _same_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    same = ctx.file.image.path in [f.path for f in target[DefaultInfo].files.to_list()]
    asserts.equals(env, ctx.attr.same, same)
    return analysistest.end(env)

_same_image_test = analysistest.make(
    _same_image_test_impl,
    attrs = {
        "image": attr.label(allow_single_file = True),
        "same": attr.bool(),
    },
)

# A release needs descriptors and documents, and no layer.
def _release_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    asserts.equals(env, ["release"], ctx.attr.subcommand)
    asserts.equals(env, {
        "from": "ghcr.io/kubernaut/kubernaut",
        "label": "//tools/oci/tests:release",
        "services": [{
            "descriptor": "_main/tools/oci/tests/index.descriptor.json",
            "label": "//tools/oci/tests:index",
            "name": "tests",
            "sboms": {
                "linux/amd64": "_main/tools/oci/tests/index.linux-amd64.spdx.json",
                "linux/arm64": "_main/tools/oci/tests/index.linux-arm64.spdx.json",
            },
        }],
        "to": "quay.io/kubernaut",
        "version": 1,
    }, json.decode(write.content))
    asserts.equals(env, [], [f.path for f in target[DefaultInfo].default_runfiles.files.to_list() if f.is_directory])
    return analysistest.end(env)

_release_test = analysistest.make(_release_test_impl, attrs = {"subcommand": attr.string_list()})

def _push_indexes_test_impl(ctx):
    env = analysistest.begin(ctx)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    plan = json.decode(write.content)
    asserts.equals(env, [], plan["images"])
    asserts.equals(env, [{
        "descriptor": "_main/tools/oci/tests/index.descriptor.json",
        "label": "//tools/oci/tests:index",
        "name": "tests",
    }], plan["indexes"])
    return analysistest.end(env)

_push_indexes_test = analysistest.make(_push_indexes_test_impl, config_settings = {_LAYERS: "cache"})

def _fails_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_fails_test = analysistest.make(_fails_test_impl, attrs = {"message": attr.string()}, expect_failure = True)

def image_test_suite(name):
    """Makes the tests and what they look at.

    Args:
        name: of the test suite.
    """
    service_image(
        name = "image",
        # Any file: nothing here runs the image.
        binary = "BUILD.bazel",
        tags = ["manual"],
        visibility = ["//tools:__subpackages__"],
    )
    image_descriptor(
        name = "image_again.descriptor",
        image = ":image",
        tags = ["manual"],
        visibility = ["//tools:__subpackages__"],
    )
    image_descriptor(
        name = "no_layout",
        image = ":one_file",
        tags = ["manual"],
    )

    # What a base is that was pulled: the one of this project stands for it, as nothing is pulled here.
    oci_image(
        name = "on_pulled",
        base = "//tools/oci/base",
        tags = ["manual"],
        tars = [":image.layer"],
    )
    image_descriptor(
        name = "base.descriptor",
        image = "//tools/oci/base",
        tags = ["manual"],
    )
    image_descriptor(
        name = "on_pulled.descriptor",
        base = "//tools/oci/base",
        image = ":on_pulled",
        tags = ["manual"],
        upstreams = _UPSTREAMS,
    )
    image_descriptor(
        name = "base_alone",
        base = "//tools/oci/base",
        image = ":on_pulled",
        tags = ["manual"],
    )
    image_prune(
        name = "prune_all",
        images = [":image"],
        registry = "localhost:5001/kubernaut",
        tags = ["manual"],
    )
    image_prune(
        name = "prune_none",
        tags = ["manual"],
    )
    image_push(
        name = "push_all",
        images = [":image"],
        registry = "localhost:5001/kubernaut",
        tags = ["manual"],
        visibility = ["//tools:__subpackages__"],
    )
    image_push(
        name = "push_indexes",
        indexes = [":index"],
        registry = "localhost:5001/kubernaut",
        tags = ["manual"],
    )
    image_release(
        name = "release",
        indexes = [":index"],
        registry = "quay.io/kubernaut",
        tags = ["manual"],
    )
    image_release(
        name = "release_none",
        registry = "quay.io/kubernaut",
        tags = ["manual"],
    )
    index_descriptor(
        name = "no_index",
        image = ":image.descriptor",
        index = ":one_file",
        platforms = ["linux/amd64"],
        tags = ["manual"],
    )
    image_push(
        name = "push_none",
        tags = ["manual"],
    )
    image_push(
        name = "push_twice",
        images = [
            ":image",
            ":image_again.descriptor",
        ],
        tags = ["manual"],
    )
    native.filegroup(
        name = "one_file",
        srcs = ["BUILD.bazel"],
    )
    native.filegroup(
        name = "two_files",
        srcs = [
            "BUILD.bazel",
            "image_test.bzl",
        ],
    )
    image_layer(
        name = "two_files_layer",
        files = {":two_files": "/x:0644"},
        tags = ["manual"],
    )
    _names_test(name = "names_test")
    _descriptor_test(
        name = "descriptor_test",
        target_under_test = ":image.descriptor",
    )
    _layer_test(
        name = "layer_test",
        target_under_test = ":image.layer",
    )
    _paths_test(name = "paths_test")
    _prune_test(
        name = "prune_test",
        subcommand = native.existing_rule("prune_all")["args"],
        target_under_test = ":prune_all",
    )
    _fails_test(
        name = "prune_none_test",
        message = "//tools/oci/tests:prune_none: 'images' must name an image when 'lists' names none, got neither",
        target_under_test = ":prune_none",
    )
    _push_test(
        name = "push_test",
        layouts = True,
        subcommand = native.existing_rule("push_all")["args"],
        target_under_test = ":push_all",
    )
    _push_cache_test(
        name = "push_cache_test",
        subcommand = native.existing_rule("push_all")["args"],
        target_under_test = ":push_all",
    )
    _upstreams_test(
        name = "upstreams_test",
        target_under_test = ":on_pulled.descriptor",
        upstreams = _UPSTREAMS,
    )
    _upstreams_test(
        name = "no_upstreams_test",
        target_under_test = ":image.descriptor",
    )
    _fails_test(
        name = "base_alone_test",
        message = "//tools/oci/tests:base_alone: 'base' must not be set without 'upstreams', got //tools/oci/base:base",
        target_under_test = ":base_alone",
    )
    _index_test(
        name = "index_test",
        target_under_test = ":index.descriptor",
    )
    _push_indexes_test(
        name = "push_indexes_test",
        target_under_test = ":push_indexes",
    )
    _release_test(
        name = "release_test",
        subcommand = native.existing_rule("release")["args"],
        target_under_test = ":release",
    )
    _fails_test(
        name = "release_none_test",
        message = "//tools/oci/tests:release_none: 'indexes' must name an index when 'lists' names none, got neither",
        target_under_test = ":release_none",
    )
    _fails_test(
        name = "no_index_test",
        message = "//tools/oci/tests:no_index: 'index' must make one OCI layout directory, got [\"BUILD.bazel\"]",
        target_under_test = ":no_index",
    )
    _same_image_test(
        name = "same_image_test",
        image = ":image",
        same = True,
        target_under_test = select({
            "@platforms//cpu:arm64": ":index.arm64",
            "//conditions:default": ":index.amd64",
        }),
    )
    _same_image_test(
        name = "other_image_test",
        image = ":image",
        same = False,
        target_under_test = select({
            "@platforms//cpu:arm64": ":index.amd64",
            "//conditions:default": ":index.arm64",
        }),
    )
    _fails_test(
        name = "push_none_test",
        message = "//tools/oci/tests:push_none: 'images' must name an image when 'lists' names none, got neither",
        target_under_test = ":push_none",
    )
    _fails_test(
        name = "push_twice_test",
        message = "//tools/oci/tests:push_twice: 'images' must have different names, got \"tests\" from //tools/oci/tests:image and //tools/oci/tests:image",
        target_under_test = ":push_twice",
    )
    _fails_test(
        name = "no_layout_test",
        message = "//tools/oci/tests:no_layout: 'image' must make one OCI layout directory, got [\"BUILD.bazel\"]",
        target_under_test = ":no_layout",
    )
    _fails_test(
        name = "two_files_test",
        message = "'files' must have targets with one file each, got 2 files from //tools/oci/tests:two_files",
        target_under_test = ":two_files_layer",
    )
    native.test_suite(
        name = name,
        tests = [
            ":base_alone_test",
            ":descriptor_test",
            ":index_test",
            ":layer_test",
            ":names_test",
            ":no_index_test",
            ":no_layout_test",
            ":no_upstreams_test",
            ":other_image_test",
            ":paths_test",
            ":push_cache_test",
            ":push_indexes_test",
            ":push_none_test",
            ":push_test",
            ":push_twice_test",
            ":release_none_test",
            ":release_test",
            ":same_image_test",
            ":two_files_test",
            ":upstreams_test",
        ],
    )
