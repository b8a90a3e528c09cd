"""How targets are named in messages and in history entries."""

def label_text(label):
    """The label as a user types it: main repository labels without their `@@`.

    Args:
      label: a Label.

    Returns:
      a string, e.g. `//services/gateway:image`.
    """
    text = str(label)
    if text.startswith("@@//"):
        return text[len("@@"):]
    if text.startswith("@//"):
        return text[len("@"):]
    return text
