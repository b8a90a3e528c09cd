"""service_suite: the suite of a service, by the names that every service has."""

load("//tools/e2e/private:e2e_suite.bzl", "e2e_suite")

def default_expose(service):
    """Returns how a suite reaches its service.

    Args:
        service: the service's name, e.g. "order-book".

    Returns:
        dict for e2e_suite's `expose`, e.g. {"ORDER_BOOK_URL": "order-book:http"}.
    """
    return {service.upper().replace("-", "_") + "_URL": service + ":http"}

def service_suite(
        name,
        service = None,
        uses = [],
        crds = False,
        expose = None,
        **kwargs):
    """Makes an e2e_suite whose parts follow from services' names.

    A service has its image in //services/<service>:image, its manifests in //services/<service>/deploy:manifests, and its
    suite's test in //test/e2e/<service>:<service>_test.

    ```starlark
    service_suite(name = "foo")
    ```

    Args:
        name: the suite's name, which is the service's unless `service` says otherwise. Required. Example: "gateway".
        service: the service under test. Example: "gateway" for a variant named "gateway-workers". Unset: `name`.
        uses: list of the other services that run beside it. Example: ["datastorage"]. Default: none.
        crds: whether the platform's custom resources are installed. Default: False.
        expose: as e2e_suite takes it. Unset: the service's Service, which has its name, and its port "http", in
            <SERVICE>_URL. {} exposes nothing.
        **kwargs: further attributes of e2e_suite, such as kind_config and time_limit. `images` and `manifests` are appended.
    """
    service = service or name
    services = [service] + uses
    crd_manifests = ["//services/internal/api/crds:manifests"] if crds else []
    e2e_suite(
        name = name,
        expose = default_expose(service) if expose == None else expose,
        images = ["//services/{}:image".format(s) for s in services] + kwargs.pop("images", []),
        manifests = ["//services/internal/deploy:manifests"] + crd_manifests +
                    ["//services/{}/deploy:manifests".format(s) for s in services] + kwargs.pop("manifests", []),
        test = "//test/e2e/{s}:{s}_test".format(s = service),
        **kwargs
    )
