"""`proto_library` of Bazel itself."""

def proto_library(**kwargs):
    """Hands on to the built-in rule.

    Args:
      **kwargs: the attributes of the built-in rule.
    """
    native.proto_library(**kwargs)
