"""Labels and the names that follow from them."""

def package_name_of(package):
    """Returns the name of the service that lives in a package.

    Args:
        package: the package's path, e.g. "services/gateway".

    Returns:
        its last segment, e.g. "gateway".
    """
    if not package:
        fail("//: a service image must be in a package of its own, got the root package")
    return package.rpartition("/")[2]

def label_text(label):
    """Returns a label as a person would type it.

    Args:
        label: Label.

    Returns:
        "//services/gateway:image" for the main repository, "@@repo//pkg:name" for others.
    """
    text = str(label)
    return text[2:] if text.startswith("@@//") else text
