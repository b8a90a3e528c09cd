"""service_image: how a service becomes an image."""

load("@rules_oci//oci:defs.bzl", "oci_image", "oci_image_index", "oci_push")
load("//tools/oci/private:image_descriptor.bzl", "image_descriptor")
load("//tools/oci/private:image_layer.bzl", "image_layer")
load("//tools/oci/private:index_descriptor.bzl", "index_descriptor")
load("//tools/oci/private:labels.bzl", "package_name_of")
load("//tools/oci/private:platform_image.bzl", "platform_image")

# The non-root user of the base's /etc/passwd. A number: Kubernetes cannot check runAsNonRoot against a name.
USER = "65532:65532"

# Where CI pushes to, and `:push` when no --repository is given.
REPOSITORY_ROOT = "ghcr.io/kubernaut/kubernaut"

# What a release is for. An index takes an image of the command line's platform as it is, which tests run.
_CPUS = {
    "amd64": "@platforms//cpu:x86_64",
    "arm64": "@platforms//cpu:arm64",
}

def default_repository(service):
    """Returns where a service's image is pushed to by default.

    Args:
        service: the service's name, e.g. "gateway".

    Returns:
        registry and repository, e.g. "ghcr.io/kubernaut/kubernaut/gateway".
    """
    return "{}/{}".format(REPOSITORY_ROOT, service)

def image_labels(service):
    """Returns the labels of a service's image.

    Args:
        service: the service's name, e.g. "gateway".

    Returns:
        dict of the image specification's annotation keys; none of them changes from build to build.
    """
    return {
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.source": "https://github.com/kubernaut/kubernaut",
        "org.opencontainers.image.title": service,
    }

def _index(image, visibility, attributes):
    """Makes the image for all platforms, which no wildcard builds."""
    manual = attributes | {"tags": attributes.get("tags", []) + ["manual"]}
    for architecture, cpu in _CPUS.items():
        platform_image(
            name = "index." + architecture,
            image = image,
            platform = select({
                cpu: None,
                "//conditions:default": "@rules_go//go/toolchain:linux_" + architecture,
            }),
            visibility = ["//visibility:private"],
            **manual
        )
    oci_image_index(
        name = "index",
        images = [":index." + architecture for architecture in _CPUS],
        visibility = visibility,
        **manual
    )
    index_descriptor(
        name = "index.descriptor",
        image = image + ".descriptor",
        index = ":index",
        platforms = ["linux/" + architecture for architecture in _CPUS],
        visibility = visibility,
        **manual
    )

def service_image(
        name,
        binary,
        base = "//tools/oci/base",
        repository = None,
        env = None,
        cmd = None,
        upstreams = [],
        visibility = ["//visibility:public"],
        **kwargs):
    """Makes the image of the service that lives in this package.

    The service's name is the package's last segment. It is the binary's path in the image, the repository, the placeholder
    in manifests (`image: gateway`) and the key in suites, so that it is written once, as the folder's name.

    The image has two layers, the common base and the binary, runs as a numeric non-root user, and has no shell.

    ```starlark
    service_image(
        name = "image",
        binary = ":gateway",
    )
    ```

    makes `:image` (oci_image), `:image.descriptor` (image_descriptor) and `:push` (oci_push), and, for a release, `:index`
    (oci_image_index) of the image for linux/amd64 and linux/arm64 with `:index.descriptor` (index_descriptor).

    Args:
        name: "image", so that every service's image is //services/<name>:image. Required.
        binary: target with one output, a static Linux executable. Required. Example: ":gateway".
        base: oci_image below the binary's layer. Default: "//tools/oci/base", which has accounts, CA certificates and time zones.
        repository: where `:push` pushes to when it is run without --repository. Example: "localhost:5001/gateway".
            Unset: the project's repository and the service's name.
        env: dict of environment variables. Example: {"LOG_FORMAT": "json"}. Unset: the base's.
        cmd: list of arguments that a manifest's `args` replaces. Example: ["--port=8080"]. Unset: none.
        upstreams: list of repositories that the base's layers can be pulled from, for a base that was pulled.
            Example: ["gcr.io/distroless/static"]. Default: none, as the default base is built here.
        visibility: of all these targets. Default: public.
        **kwargs: common attributes of the targets, such as tags and testonly.
    """
    if name != "image":
        fail("//{}:{}: 'name' must be \"image\", got \"{}\"; set the folder's name to the service's instead".format(
            native.package_name(),
            name,
            name,
        ))
    service = package_name_of(native.package_name())
    image_layer(
        name = name + ".layer",
        files = {binary: "/{}:0755".format(service)},
        visibility = ["//visibility:private"],
        **(kwargs | {"tags": kwargs.get("tags", []) + ["manual"]})
    )
    oci_image(
        name = name,
        base = base,
        cmd = cmd,
        entrypoint = ["/" + service],
        env = env,
        labels = image_labels(service),
        tars = [":{}.layer".format(name)],
        user = USER,
        visibility = visibility,
        workdir = "/",
        **kwargs
    )
    image_descriptor(
        name = name + ".descriptor",
        base = base if upstreams else None,
        image = ":" + name,
        image_name = service,
        upstreams = upstreams,
        visibility = visibility,
        **kwargs
    )
    oci_push(
        name = "push",
        image = ":" + name,
        repository = repository or default_repository(service),
        visibility = visibility,
        **kwargs
    )
    _index(":" + name, visibility, kwargs)
