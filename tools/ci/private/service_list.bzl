"""service_list: the services, by their folders."""

load("//tools/ci/private:service_list_info.bzl", "ServiceListInfo")
load("//tools/oci:defs.bzl", "ImageDescriptorInfo", "ImageIndexInfo", "ImageListInfo")

def _service_list_impl(ctx):
    images = [target[ImageDescriptorInfo] for target in ctx.attr.images]
    indexes = [target[ImageIndexInfo] for target in ctx.attr.indexes]
    for target in ctx.attr.services:
        images += target[ImageListInfo].images
        indexes += target[ImageListInfo].indexes
    return [
        ImageListInfo(images = images, indexes = indexes),
        ServiceListInfo(services = [struct(image = image.image_label, name = image.image_name) for image in images]),
    ]

_service_list = rule(
    implementation = _service_list_impl,
    doc = "Names services. Building it builds none of them.",
    attrs = {
        "images": attr.label_list(
            doc = "Descriptors of the services' images. Unset: none.",
            providers = [ImageDescriptorInfo],
        ),
        "indexes": attr.label_list(
            doc = "Descriptors of the services' indexes. Unset: none.",
            providers = [ImageIndexInfo],
        ),
        "pushes": attr.label_list(doc = "Targets that push the images; they only have to be there. Unset: none."),
        "services": attr.label_list(
            doc = "Lists to add. Unset: none.",
            providers = [ImageListInfo],
        ),
    },
    provides = [
        ImageListInfo,
        ServiceListInfo,
    ],
)

def service_list(name, exclude = [], visibility = None):
    """Lists the folders of this package that hold services: a new one needs no edit here.

    A service has an image and a push target, both made by service_image. Bazel refuses a label that does not exist and names
    who refers to it; Starlark cannot say more. So each service is referred to by a target whose name is the advice:

        no such target '//services/foo:push': … referenced by '//services:foo, whose BUILD.bazel lacks service_image(name = "image")'

    ```starlark
    service_list(
        name = "services",
        exclude = ["internal"],
    )
    ```

    `<name>.indexes` lists the same services' indexes, which are images for all platforms. It is a list of its own, because what
    names an index has Bazel look at the code for each platform.

    Args:
        name: of the list. Required. Example: "services".
        exclude: list of folders that are no services. Example: ["internal"]. Default: none.
        visibility: of the list. Default: the package's.
    """
    advised = []
    packages = []
    for service in native.subpackages(exclude = exclude, include = ["*"]):
        package = "//{}/{}".format(native.package_name(), service)
        packages.append(package)
        advised.append("{}, whose BUILD.bazel lacks service_image(name = \"image\")".format(service))
        _service_list(
            name = advised[-1],
            images = [package + ":image.descriptor"],
            pushes = [package + ":push"],
            tags = ["manual"],
            visibility = ["//visibility:private"],
        )
    _service_list(
        name = name,
        services = [":" + target for target in advised],
        visibility = visibility,
    )
    _service_list(
        name = name + ".indexes",
        indexes = [package + ":index.descriptor" for package in packages],
        tags = ["manual"],
        visibility = visibility,
    )
