"""Paths in plans, and labels of descriptors."""

def rlocation_path(workspace_name, short_path):
    """Returns what a runfiles library finds a file by.

    Args:
        workspace_name: ctx.workspace_name, "_main" for the main module.
        short_path: File.short_path, which begins with "../<repository>/" for files of other repositories.

    Returns:
        path that begins with the repository's canonical name.
    """
    if short_path.startswith("../"):
        return short_path.removeprefix("../")
    return "{}/{}".format(workspace_name, short_path)

def descriptor_label(label):
    """Returns the label of an image's descriptor.

    Args:
        label: Label of an image, e.g. //services/gateway:image, or of a descriptor, which is returned as it is.

    Returns:
        Label, e.g. //services/gateway:image.descriptor.
    """
    if label.name.endswith(".descriptor"):
        return label
    return label.same_package_label(label.name + ".descriptor")
