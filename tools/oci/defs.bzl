"""Images of services: one policy macro, and the descriptor that stands for an image elsewhere.

```starlark
load("//tools/oci:defs.bzl", "service_image")

go_binary(
    name = "gateway",
    embed = [":gateway_lib"],
    gc_linkopts = ["-s", "-w"],  # no symbol table: a third less to move
    pure = "on",  # a static binary: the image has no libc
)

service_image(
    name = "image",
    binary = ":gateway",
)
```

`bazel build :image` makes an OCI layout, `bazel build :image.descriptor` its descriptor, `bazel run :push` pushes it.
`image_push` makes a target that pushes many, `image_prune` one that deletes what CI has left of them in a registry.
`bazel build :index` makes the image for all platforms of a release.
"""

load("//tools/oci/private:image_descriptor.bzl", _image_descriptor = "image_descriptor")
load("//tools/oci/private:image_descriptor_info.bzl", _ImageDescriptorInfo = "ImageDescriptorInfo")
load("//tools/oci/private:image_index_info.bzl", _ImageIndexInfo = "ImageIndexInfo")
load("//tools/oci/private:image_layer.bzl", _image_layer = "image_layer")
load("//tools/oci/private:image_list_info.bzl", _ImageListInfo = "ImageListInfo")
load("//tools/oci/private:image_prune.bzl", _image_prune = "image_prune")
load("//tools/oci/private:image_push.bzl", _image_push = "image_push")
load("//tools/oci/private:image_release.bzl", _image_release = "image_release")
load("//tools/oci/private:index_descriptor.bzl", _index_descriptor = "index_descriptor")
load("//tools/oci/private:labels.bzl", _label_text = "label_text")
load("//tools/oci/private:paths.bzl", _descriptor_label = "descriptor_label", _rlocation_path = "rlocation_path")
load("//tools/oci/private:plan_images.bzl", _LAYERS_ATTRS = "LAYERS_ATTRS", _plan_images = "plan_images")
load("//tools/oci/private:runner.bzl", _runner = "runner")
load("//tools/oci/private:service_image.bzl", _service_image = "service_image")

ImageDescriptorInfo = _ImageDescriptorInfo
ImageIndexInfo = _ImageIndexInfo
ImageListInfo = _ImageListInfo
image_descriptor = _image_descriptor
image_layer = _image_layer
image_prune = _image_prune
image_push = _image_push
image_release = _image_release
index_descriptor = _index_descriptor
label_text = _label_text
service_image = _service_image

# For rules that write plans and run slipway or another program.
LAYERS_ATTRS = _LAYERS_ATTRS
descriptor_label = _descriptor_label
plan_images = _plan_images
rlocation_path = _rlocation_path
runner = _runner
