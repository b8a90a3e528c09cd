"""What index_descriptor tells the rules that use an image for several platforms."""

ImageIndexInfo = provider(
    doc = "An index and its images, without their layers. Its first four fields are named as those of ImageDescriptorInfo.",
    fields = {
        "descriptor": "File: the descriptor's JSON, a few KB.",
        "image_label": "string: label of the index, e.g. \"//services/gateway:index\".",
        "image_name": "string: repository, e.g. \"gateway\".",
        "layout": "File: the OCI layout directory. Using it in an action or in runfiles means to have all layers on the disk.",
        "sboms": "dict of File by platform: what is in the image, as SPDX 2.3 JSON, e.g. {\"linux/arm64\": <File>}.",
    },
)
