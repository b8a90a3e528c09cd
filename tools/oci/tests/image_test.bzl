"""Tests of service_image and of the rules below it."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts", "unittest")
load("//tools/oci:defs.bzl", "ImageDescriptorInfo", "image_descriptor", "image_layer", "label_text", "service_image")
load("//tools/oci/private:labels.bzl", "package_name_of")
load("//tools/oci/private:service_image.bzl", "default_repository", "image_labels")

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
    files = [value for flag, value in zip(argv, argv[1:]) if flag == "--file"]
    asserts.equals(env, ["/tests:0755=tools/oci/tests/BUILD.bazel"], files)
    return analysistest.end(env)

_layer_test = analysistest.make(_layer_test_impl)

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
        name = "image_again",
        image = ":image",
        tags = ["manual"],
        visibility = ["//tools:__subpackages__"],
    )
    image_descriptor(
        name = "no_layout",
        image = ":one_file",
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
            ":descriptor_test",
            ":layer_test",
            ":names_test",
            ":no_layout_test",
            ":two_files_test",
        ],
    )
