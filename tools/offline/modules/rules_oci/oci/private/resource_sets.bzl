"""The `resource_set` attribute: how much of the machine Bazel reserves for an action."""

def _cpu_2(_os, _inputs):
    return {"cpu": 2}

def _cpu_4(_os, _inputs):
    return {"cpu": 4}

def _mem_512m(_os, _inputs):
    return {"memory": 512}

def _mem_1g(_os, _inputs):
    return {"memory": 1024}

def _mem_2g(_os, _inputs):
    return {"memory": 2048}

def _mem_4g(_os, _inputs):
    return {"memory": 4096}

def _mem_8g(_os, _inputs):
    return {"memory": 8192}

def _mem_16g(_os, _inputs):
    return {"memory": 16384}

def _mem_32g(_os, _inputs):
    return {"memory": 32768}

# Bazel takes top-level functions only, hence one per value.
_SETS = {
    "cpu_2": _cpu_2,
    "cpu_4": _cpu_4,
    "default": None,
    "mem_512m": _mem_512m,
    "mem_1g": _mem_1g,
    "mem_2g": _mem_2g,
    "mem_4g": _mem_4g,
    "mem_8g": _mem_8g,
    "mem_16g": _mem_16g,
    "mem_32g": _mem_32g,
}

RESOURCE_SET_ATTR = {
    "resource_set": attr.string(
        default = "default",
        values = _SETS.keys(),
        doc = """What Bazel reserves on the machine while the image is built: a number of CPUs (`cpu_2`) or
memory (`mem_512m`). `default`, when unset, is Bazel's own estimate. Example: `"cpu_2"`.""",
    ),
}

def resource_set(name):
    """The function for `ctx.actions.run(resource_set = …)`.

    Args:
      name: a value of the `resource_set` attribute.

    Returns:
      the function, or None for Bazel's default.
    """
    return _SETS[name]
