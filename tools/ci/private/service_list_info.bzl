"""What service_list tells the rules that use it."""

ServiceListInfo = provider(
    doc = "Services.",
    fields = {"services": "list of structs with name, e.g. \"gateway\", and image, e.g. \"//services/gateway:image\"."},
)
