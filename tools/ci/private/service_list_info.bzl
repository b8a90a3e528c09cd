"""What service_list tells the rules that use it."""

ServiceListInfo = provider(
    doc = "Services.",
    fields = {
        "images": "list of ImageDescriptorInfo, in the same order.",
        "services": "list of structs with name, e.g. \"gateway\", and image, e.g. \"//services/gateway:image\".",
    },
)
