"""e2e_suite: one end-to-end suite."""

load("//tools/e2e/private:database.bzl", "database_parts")
load("//tools/e2e/private:suite.bzl", "suite", "suite_test")
load("//tools/e2e/private:suite_bundle.bzl", "suite_bundle")
load("//tools/e2e/private:suite_plan.bzl", "suite_plan")
load("//tools/oci:defs.bzl", "descriptor_label")

# Why a suite is no ordinary test: it talks to the container engine by its socket (no sandbox, not on a remote machine) and
# reaches the cluster by the network. Its result is cached all the same, because all its inputs are declared.
SUITE_TEST_TAGS = [
    "e2e",
    "no-remote-exec",
    "no-sandbox",
    "requires-network",
]

# What finds the suites of a package by itself, and the macro that it comes from.
_FINDERS = {
    "suite_matrix_write": "suite_matrix",
    "suites_plan": "e2e_suites",
}

def e2e_suite(
        name,
        test,
        images = [],
        manifests = [],
        database = "",
        expose = {},
        kind_config = "//tools/e2e:kind.yaml",
        node_image = "//tools/e2e:node_image",
        namespace = "kubernaut-system",
        time_limit = "10m",
        test_args = [],
        test_env = {},
        timeout = "long",
        tags = [],
        visibility = ["//visibility:public"]):
    """Makes a suite that runs on a real cluster: `:<name>` for `bazel run`, `:<name>_test` for `bazel test`,
    and `:<name>.bundle`, an archive that runs it where neither Bazel nor a checkout is.

    Manifests name an image by its name alone (`image: gateway`); slipway puts the delivered reference in its place. The
    build refuses a manifest with an image that the suite does not have, with the suite's label and the line.

    On its own the suite has the namespaces that its manifests name. In a run of several (e2e_suites) it has copies of them,
    "<namespace>-<name>": every value in its manifests and in `test_env` that is exactly the name of one of its namespaces
    follows, and cluster-scoped objects get names of their own. Custom resource definitions and ClusterRoles are shared. What
    cannot follow is refused by the build, with its line: a namespace inside a longer text, a webhook for all namespaces.

    ```starlark
    e2e_suite(
        name = "gateway",
        expose = {
            "DATA_STORAGE_URL": "data-storage-service:http",
            "GATEWAY_URL": "gateway:http",
        },
        images = [
            "//services/datastorage:image",
            "//services/gateway:image",
        ],
        manifests = [
            "//services/datastorage/deploy",
            "//services/gateway/deploy",
        ],
        test = "//test/e2e/gateway:gateway_test",
    )
    ```

    Args:
        name: the suite's name: lower-case letters, digits and dashes. Required. Example: "gateway".
        test: go_test whose binary is the suite; tag it "manual", it cannot run on its own. It gets KUBECONFIG, E2E_NAMESPACE,
            E2E_OUTPUT_DIR and the variables of `expose`. Required. Example: "//test/e2e/gateway:gateway_test".
        images: list of service_image or other images with a `.descriptor` beside them, or of image_descriptor targets.
            Example: ["//services/gateway:image"]. Default: none.
        manifests: list of Kubernetes manifests, or filegroups of them. Kinds are applied in the order in which they need
            each other, within a kind in this order. Example: ["//services/gateway/deploy"]. Default: none.
        database: "postgres" adds a PostgreSQL server (//tools/e2e/postgres: its image and its manifests, among them the Secret
            `datastorage-database`) and sets E2E_DATABASE for the test. Default: none; datastorage then has its SQLite file.
        expose: dict of environment variable to "<service>:<port name>". The test finds http://127.0.0.1:<port> in the
            variable; the host's port is free when the cluster is made. Example: {"GATEWAY_URL": "gateway:http"}.
            Default: none, the test reaches the API server alone.
        kind_config: kind configuration, v1alpha4. Suites with the same one may share a cluster. Example:
            "//tools/e2e:kind_worker.yaml". Default: one control-plane node.
        node_image: node_image target. Default: "//tools/e2e:node_image", which //tools/e2e:node_image_reference sets.
        namespace: platform namespace; slipway makes it. Further ones are those that the manifests declare by a Namespace.
            Default: "kubernaut-system".
        time_limit: how long the test binary may run, a Go duration. Example: "20m". Default: "10m".
        test_args: list of arguments of the test binary. Example: ["-test.run=TestGateway"]. Default: none.
        test_env: dict of further environment variables of the test binary. Example: {"LOG_LEVEL": "debug"}, or
            {"WORKFLOW_NAMESPACE": "kubernaut-workflows"}, whose value follows the namespace. Default: none.
        timeout: Bazel's limit for `:<name>_test`, cluster included: "moderate" (5 min), "long" (15 min), "eternal" (60 min).
            Default: "long".
        tags: list of further tags of all targets. Default: none.
        visibility: of all targets. Default: public.
    """
    for other, attrs in native.existing_rules().items():
        if attrs["kind"] in _FINDERS:
            fail("//{package}:{name}: 'e2e_suite' must stand above {macro} \"{other}\", which else does not see it; move it up instead".format(
                macro = _FINDERS[attrs["kind"]],
                name = name,
                other = other.removesuffix(".plan"),
                package = native.package_name(),
            ))
    plan = name + ".plan"
    suite_label = "//{}:{}".format(native.package_name(), name)
    parts = database_parts(suite_label, database)
    if type(parts) == "string":
        fail(parts)
    suite_plan(
        name = plan,
        testonly = True,
        expose = expose,
        images = [descriptor_label(native.package_relative_label(image)) for image in images + parts.images],
        kind_config = kind_config,
        manifests = manifests + parts.manifests,
        namespace = namespace,
        node_image = node_image,
        suite_label = suite_label,
        suite_name = name,
        tags = ["manual"],
        test = test,
        test_args = test_args,
        test_env = parts.test_env | test_env,
        time_limit = time_limit,
        visibility = ["//visibility:private"],
    )
    suite(
        name = name,
        testonly = True,
        plan = plan,
        tags = tags,
        visibility = visibility,
    )
    suite_test(
        name = name + "_test",
        plan = plan,
        tags = SUITE_TEST_TAGS + tags,
        timeout = timeout,
        visibility = visibility,
    )
    suite_bundle(
        name = name + ".bundle",
        testonly = True,
        plan = plan,
        tags = ["manual"] + tags,
        visibility = visibility,
    )
