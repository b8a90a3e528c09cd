"""What image_descriptor tells the rules that use an image."""

ImageDescriptorInfo = provider(
    doc = "An image, without its layers.",
    fields = {
        "descriptor": "File: the descriptor's JSON, a few KB.",
        "image_label": "string: label of the image, as `bazel build` takes it, e.g. \"//services/gateway:image\".",
        "image_name": "string: repository, manifest placeholder and suite key, e.g. \"gateway\".",
        "layout": "File: the OCI layout directory. Using it in an action or in runfiles means to have all layers on the disk.",
    },
)
