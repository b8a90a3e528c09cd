"""What a list of images tells the rules that use all of them."""

ImageListInfo = provider(
    doc = "Images, without their layers.",
    fields = {"images": "list of ImageDescriptorInfo."},
)
