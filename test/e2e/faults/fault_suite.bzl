"""fault_suite: a service deployed with one deliberate fault."""

load("//tools/e2e:defs.bzl", "e2e_suite", "edited_manifest")

def fault_suite(name, service, replacements, crds = False):
    """Makes a suite that must fail when it is deployed.

    ```starlark
    fault_suite(
        name = "wrong-flag",
        service = "gateway",
        replacements = {"-config=": "-confg="},
    )
    ```

    Args:
        name: the suite's name, which names the fault. Required. Example: "wrong-flag".
        service: the service whose own image and manifests are deployed, and nothing beside them. Required. Example: "gateway".
        replacements: as edited_manifest takes them: the fault. Required.
        crds: whether the platform's custom resources are installed, for faults that show once a controller reads them.
            Default: False.
    """
    manifest = name + ".manifest"
    edited_manifest(
        name = manifest,
        testonly = True,
        src = "//services/{}/deploy:manifests".format(service),
        replacements = replacements,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    e2e_suite(
        name = name,
        images = ["//services/{}:image".format(service)],
        manifests = ["//services/internal/deploy:manifests"] +
                    (["//services/internal/api/crds:manifests"] if crds else []) + [manifest],
        # Patterns must not find what fails on purpose; faults_test runs it.
        tags = ["manual"],
        test = "//test/e2e/faults/deployed:deployed_test",
    )
