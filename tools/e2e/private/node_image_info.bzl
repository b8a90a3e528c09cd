"""What node_image tells the rules that use it."""

NodeImageInfo = provider(
    doc = "The node image, as documents may name it.",
    fields = {
        "default_reference": "string: the reference where nobody sets another, \"\" when the target does not say. It does not depend on flags.",
    },
)
