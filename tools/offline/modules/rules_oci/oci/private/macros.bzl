"""The macros of //oci:defs.bzl: they turn lists and dictionaries into the files that the rules read."""

load("@bazel_skylib//lib:types.bzl", "types")
load("@bazel_skylib//rules:write_file.bzl", "write_file")
load(":digest.bzl", "oci_digest")
load(":image.bzl", oci_image_rule = "oci_image")
load(":image_index.bzl", oci_image_index_rule = "oci_image_index")
load(":load.bzl", oci_load_rule = "oci_load")
load(":push.bzl", oci_push_rule = "oci_push")

_COMMON_ATTRIBUTES = [
    "compatible_with",
    "exec_compatible_with",
    "exec_properties",
    "features",
    "restricted_to",
    "tags",
    "target_compatible_with",
    "testonly",
    "toolchains",
    "visibility",
]

# Tags that say where and how an action may run; the others are meant for the image itself.
_EXECUTION_TAGS = [
    "block-network",
    "external",
    "local",
    "no-cache",
    "no-remote",
    "no-remote-cache",
    "no-remote-exec",
    "no-sandbox",
    "requires-network",
]

def _common(kwargs):
    return {name: kwargs[name] for name in _COMMON_ATTRIBUTES if name in kwargs}

def _helper(common):
    """Attributes of a generated target that is nobody's business: private, and in no wildcard."""
    attributes = {name: value for name, value in common.items() if name not in ["tags", "visibility"]}
    tags = [tag for tag in common.get("tags", None) or [] if tag in _EXECUTION_TAGS]
    return attributes | {"tags": tags + ["manual"], "visibility": ["//visibility:private"]}

def _file(name, attribute, content, common, short = None):
    target = "%s_write_%s" % (name, short or attribute)
    write_file(
        name = target,
        out = "%s.%s.txt" % (name, short or attribute),
        content = content,
        **_helper(common)
    )
    return ":" + target

def _pairs(name, attribute, value, common):
    if not types.is_dict(value):
        return value
    return _file(name, attribute, ["%s=%s" % (key, text) for key, text in value.items()], common)

def _arguments(name, attribute, value, common):
    if not types.is_list(value):
        return value

    # The file has one argument per line: a newline inside an argument is written as the rule reads it.
    return _file(name, attribute, [argument.replace("\n", "%5Cn") for argument in value], common)

def _set(name, attribute, value, common):
    if not types.is_list(value):
        return value
    return _file(name, attribute, [",".join(value)], common)

def _tags(name, value, common):
    if not types.is_list(value):
        return value
    return _file(name, "tags", value, common)

def _digest(name, common):
    oci_digest(
        name = name + ".digest",
        image = ":" + name,
        out = name + ".json.sha256",
        **common
    )

def oci_image(
        name,
        created = None,
        labels = None,
        annotations = None,
        env = None,
        cmd = None,
        entrypoint = None,
        exposed_ports = None,
        volumes = None,
        **kwargs):
    """Builds an OCI image, and `<name>.digest`, a file with its digest.

    Args:
      name: name of the image's target.
      created: a file with the creation time, e.g. `2026-01-31T12:00:00Z`. Default: the base's, or 1970-01-01T00:00:00Z.
      labels: a dictionary, or a file of `key=value` lines. Example: `{"org.opencontainers.image.title": "gateway"}`.
      annotations: a dictionary, or a file of `key=value` lines, for the manifest.
      env: a dictionary, or a file of `NAME=value` lines; values may refer to the base's variables.
        Example: `{"PATH": "/opt/bin:$PATH"}`.
      cmd: a list, or a file of one argument per line. Empty arguments are dropped.
      entrypoint: a list, or a file of one argument per line; drops the base's `cmd`. Example: `["/gateway"]`.
      exposed_ports: a list, or a file with a comma separated list. Example: `["8080/tcp"]`.
      volumes: a list, or a file with a comma separated list. Example: `["/data"]`.
      **kwargs: the other attributes of the rule (`base`, `tars`, `user`, `workdir`, `os`, `architecture`, `variant`,
        `resource_set`) and those that every target has.
    """
    common = _common(kwargs)
    oci_image_rule(
        name = name,
        created = created,
        annotations = _pairs(name, "annotations", annotations, common),
        labels = _pairs(name, "labels", labels, common),
        env = _pairs(name, "env", env, common),
        cmd = _arguments(name, "cmd", cmd, common),
        entrypoint = _arguments(name, "entrypoint", entrypoint, common),
        exposed_ports = _set(name, "exposed_ports", exposed_ports, common),
        volumes = _set(name, "volumes", volumes, common),
        **kwargs
    )
    _digest(name, common)

def oci_image_index(name, annotations = None, **kwargs):
    """Builds an OCI image index, and `<name>.digest`, a file with its digest.

    Args:
      name: name of the index's target.
      annotations: a dictionary, or a file of `key=value` lines, for the index.
      **kwargs: the other attributes of the rule (`images`, `platforms`) and those that every target has.
    """
    common = _common(kwargs)
    oci_image_index_rule(
        name = name,
        annotations = _pairs(name, "annotations", annotations, common),
        **kwargs
    )
    _digest(name, common)

def oci_push(name, remote_tags = None, **kwargs):
    """Makes a runnable target that pushes an image to a registry.

    Args:
      name: name of the target.
      remote_tags: a list of tags, or a file of one tag per line, that the image gets after the push.
        Example: `["latest"]`. Default: none, the image is pushed by digest alone.
      **kwargs: the other attributes of the rule (`image`, `repository`, `repository_file`) and those that every target
        has.
    """
    oci_push_rule(
        name = name,
        remote_tags = _tags(name, remote_tags, _common(kwargs)),
        **kwargs
    )

def oci_load(name, repo_tags = None, **kwargs):
    """Makes a runnable target that loads an image into the machine's container engine.

    Args:
      name: name of the target.
      repo_tags: a list of `repository:tag` names, or a file of one name per line. Example: `["gateway:dev"]`.
      **kwargs: the other attributes of the rule (`image`, `format`, `loader`) and those that every target has.
    """
    oci_load_rule(
        name = name,
        repo_tags = _tags(name, repo_tags, _common(kwargs)),
        **kwargs
    )
