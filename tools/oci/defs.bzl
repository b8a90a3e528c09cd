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
"""

load("//tools/oci/private:image_descriptor.bzl", _image_descriptor = "image_descriptor")
load("//tools/oci/private:image_descriptor_info.bzl", _ImageDescriptorInfo = "ImageDescriptorInfo")
load("//tools/oci/private:image_layer.bzl", _image_layer = "image_layer")
load("//tools/oci/private:labels.bzl", _label_text = "label_text")
load("//tools/oci/private:service_image.bzl", _service_image = "service_image")

ImageDescriptorInfo = _ImageDescriptorInfo
image_descriptor = _image_descriptor
image_layer = _image_layer
label_text = _label_text
service_image = _service_image
