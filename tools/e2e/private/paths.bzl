"""Values of a plan."""

def parse_expose(label, expose):
    """Returns a plan's list of exposed Services.

    Args:
        label: the suite's label as text, for messages.
        expose: dict of environment variable to "<service>:<port name>".

    Returns:
        list of structs with service, port and env, in the order of the variables' names.
    """
    exposed = []
    for env in sorted(expose):
        service, separator, port = expose[env].partition(":")
        if not service or not separator or not port or ":" in port:
            fail("{}: 'expose' must have values \"<service>:<port name>\", got \"{}\" for {}; set \"gateway:http\" or its like instead".format(
                label,
                expose[env],
                env,
            ))
        exposed.append(struct(env = env, port = port, service = service))
    return exposed

def split_reference(reference):
    """Splits the node image's reference.

    Args:
        reference: "<name>:<tag>@sha256:<64 hex digits>".

    Returns:
        struct with name (without the digest) and digest, or None when the reference has another form.
    """
    name, separator, digest = reference.partition("@")
    digits = digest.removeprefix("sha256:")
    if not name or not separator or digits == digest or len(digits) != 64 or digits.strip("0123456789abcdef"):
        return None
    return struct(digest = digest, name = name)
