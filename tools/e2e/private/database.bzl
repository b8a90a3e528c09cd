"""Databases that a suite can ask for."""

# What a database adds to a suite.
_DATABASES = {
    "": struct(images = [], manifests = [], test_env = {}),
    "postgres": struct(
        images = ["//tools/e2e/postgres:image"],
        manifests = ["//tools/e2e/postgres:manifests"],
        test_env = {"E2E_DATABASE": "postgres"},
    ),
}

def database_parts(label, database):
    """Returns what a database adds to a suite.

    Args:
        label: the suite's label as text, for the message.
        database: e2e_suite's attribute.

    Returns:
        struct with images (Labels) and manifests (Labels), as e2e_suite takes them, and test_env (dict); or a string, which
        says why there is none.
    """
    parts = _DATABASES.get(database)
    if not parts:
        return "{}: 'database' must be \"\" or \"postgres\", got \"{}\"; leave it out or set \"postgres\" instead".format(label, database)
    return struct(
        images = [Label(image) for image in parts.images],
        manifests = [Label(manifest) for manifest in parts.manifests],
        test_env = parts.test_env,
    )
