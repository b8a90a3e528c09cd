"""What a list of images tells the rules that use all of them."""

ImageListInfo = provider(
    doc = "Images, without their layers. One of the lists may be empty.",
    fields = {
        "images": "list of ImageDescriptorInfo.",
        "indexes": "list of ImageIndexInfo.",
    },
)
