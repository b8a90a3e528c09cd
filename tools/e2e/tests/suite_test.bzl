"""Tests of e2e_suite and of the rules below it."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts", "unittest")
load("@bazel_skylib//rules:common_settings.bzl", "string_setting")
load("//tools/e2e:defs.bzl", "e2e_suite", "e2e_suites", "edited_manifest", "node_image", "service_suite")
load("//tools/e2e/private:database.bzl", "database_parts")
load("//tools/e2e/private:default_node_image.bzl", "DEFAULT_NODE_IMAGE")
load("//tools/e2e/private:paths.bzl", "split_reference")
load("//tools/e2e/private:service_suite.bzl", "default_expose")
load("//tools/e2e/private:suite_plan.bzl", "suite_plan")
load("//tools/e2e/private:suite_plan_info.bzl", "SuitePlanInfo")

_DIGEST = "sha256:" + "0123456789abcdef" * 4
_LAYERS = str(Label("//tools/oci:layers"))

def _reference_test_impl(ctx):
    env = unittest.begin(ctx)
    parts = split_reference("kubernaut/node:v1-ab@" + _DIGEST)
    asserts.equals(env, "kubernaut/node:v1-ab", parts.name)
    asserts.equals(env, _DIGEST, parts.digest)
    asserts.true(env, split_reference(DEFAULT_NODE_IMAGE) != None)
    for bad in ["", "node:v1", "@" + _DIGEST, "node@sha256:12", "node@" + _DIGEST + "0", "node@" + _DIGEST.upper(), "node@md5:" + "0" * 64]:
        asserts.equals(env, None, split_reference(bad), bad)
    return unittest.end(env)

_reference_test = unittest.make(_reference_test_impl)

def _names_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, {"ORDER_BOOK_URL": "order-book:http"}, default_expose("order-book"))
    asserts.equals(env, ctx.attr.want, ctx.attr.got)
    return unittest.end(env)

_names_test = unittest.make(_names_test_impl, attrs = {
    "got": attr.string_list(),
    "want": attr.string_list(),
})

def _service_suite_labels():
    """Makes a suite of real services and returns what its plan refers to, which nothing here builds."""
    service_suite(
        name = "gateway-again",
        crds = True,
        images = ["//tools/oci/tests:image"],
        kind_config = "//tools/e2e:kind_worker.yaml",
        manifests = ["a.yaml"],
        service = "gateway",
        tags = ["manual"],
        uses = ["datastorage"],
        visibility = ["//visibility:private"],
    )
    plan = native.existing_rule("gateway-again.plan")
    return [str(label) for label in plan["images"] + plan["manifests"] + (plan["test"],)] + plan["expose"].keys()

def _database_test_impl(ctx):
    env = unittest.begin(ctx)
    none = database_parts("//a:b", "")
    asserts.equals(env, [[], [], {}], [none.images, none.manifests, none.test_env])
    asserts.equals(
        env,
        "//a:b: 'database' must be \"\" or \"postgres\", got \"mysql\"; leave it out or set \"postgres\" instead",
        database_parts("//a:b", "mysql"),
    )
    return unittest.end(env)

_database_test = unittest.make(_database_test_impl)

# Both sources of PostgreSQL have the same place in the plan; here it is the one that needs no registry.
def _database_plan_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    plan = json.decode(write.content)
    asserts.equals(env, ["tests", "postgres"], [image["name"] for image in plan["images"]])
    asserts.equals(env, "_main/tools/e2e/postgres/image.descriptor.json", plan["images"][1]["descriptor"])
    asserts.equals(env, "//tools/e2e/postgres:image", plan["images"][1]["label"])
    asserts.equals(env, ["tools/e2e/tests/a.yaml", "tools/e2e/postgres/postgres.yaml"], [manifest["short"] for manifest in plan["manifests"]])
    asserts.equals(env, {"E2E_DATABASE": "postgres", "LOG_LEVEL": "debug"}, plan["test"]["env"])
    return analysistest.end(env)

_database_plan_test = analysistest.make(
    _database_plan_test_impl,
    config_settings = {str(Label("//tools/e2e/postgres:source")): "debian"},
)

def _plan_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    write = [a for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    plan = json.decode(write.content)
    here = "_main/tools/e2e/tests/"
    asserts.equals(env, "//tools/e2e/tests:suite", plan["label"])
    asserts.equals(env, "suite", plan["name"])
    asserts.equals(env, "kubernaut-system", plan["namespace"])
    asserts.equals(env, [{"env": "A_URL", "port": "http", "service": "a"}], plan["expose"])
    asserts.equals(env, "//tools/oci/tests:image", target[SuitePlanInfo].summary.images[0].label)
    asserts.equals(env, DEFAULT_NODE_IMAGE, target[SuitePlanInfo].summary.nodeImage.reference)
    asserts.equals(env, {"config": "_main/tools/e2e/kind.yaml", "nodeImage": "_main/tools/e2e/node_image.json"}, plan["cluster"])
    asserts.equals(env, [{"path": here + "a.yaml", "short": "tools/e2e/tests/a.yaml"}], plan["manifests"])
    asserts.equals(env, here + "suite.plan.test.zst", plan["test"]["binary"])
    asserts.equals(env, "10m", plan["test"]["timeout"])
    image = {
        "descriptor": "_main/tools/oci/tests/image.descriptor.json",
        "label": "//tools/oci/tests:image",
        "name": "tests",
    }
    if ctx.attr.layout:
        image["layout"] = "_main/tools/oci/tests/image"
    asserts.equals(env, [image], plan["images"])

    # What the plan names is in the runfiles, and the layout only when the plan names it.
    runfiles = ["_main/" + f.short_path for f in target[DefaultInfo].default_runfiles.files.to_list()]
    named = [image["descriptor"], plan["test"]["binary"], here + "a.yaml", target[SuitePlanInfo].rlocation] + plan["cluster"].values()
    for path in named:
        asserts.true(env, path in runfiles, path + " is not in the runfiles")
    asserts.equals(env, ctx.attr.layout, "_main/tools/oci/tests/image" in runfiles)

    # The program waits on disk in its small form alone.
    asserts.false(env, here + "tests_test_/tests_test" in runfiles, "the program itself is in the runfiles")

    # No plan without the check.
    check = [a for a in analysistest.target_actions(env) if a.mnemonic == "SuiteCheck"][0]
    asserts.equals(env, [target[SuitePlanInfo].plan], check.outputs.to_list())
    return analysistest.end(env)

_plan_test = analysistest.make(
    _plan_test_impl,
    attrs = {"layout": attr.bool()},
    config_settings = {_LAYERS: "runfiles"},
)
_plan_of_cache_test = analysistest.make(
    _plan_test_impl,
    attrs = {"layout": attr.bool()},
    config_settings = {_LAYERS: "cache"},
)

def _run_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[RunEnvironmentInfo]
    asserts.equals(env, {"SLIPWAY_PLAN": "_main/tools/e2e/tests/suite.plan.json"}, info.environment)
    asserts.true(env, "DOCKER_HOST" in info.inherited_environment)
    return analysistest.end(env)

_run_test = analysistest.make(_run_test_impl)

def _set_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    plan = json.decode(analysistest.target_actions(env)[0].content)
    asserts.equals(env, {
        "label": "//tools/e2e/tests:set",
        "leftOut": [
            {"label": "//tools/e2e/tests:" + suite, "reason": "its kind_config is //tools/e2e:kind_worker.yaml"}
            for suite in ["workers", "gateway-again"]
        ],
        "name": "set",
        "suites": ["_main/tools/e2e/tests/{}.plan.json".format(suite) for suite in ["suite", "suite_with_database"]],
        "version": 1,
    }, plan)
    runfiles = ["_main/" + f.short_path for f in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in plan["suites"] + [target[SuitePlanInfo].rlocation, "_main/tools/e2e/tests/a.yaml"]:
        asserts.true(env, path in runfiles, path + " is not in the runfiles")
    return analysistest.end(env)

_set_test = analysistest.make(_set_test_impl)

# The layouts stay outside even where the plan has them.
def _bundle_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    pack = analysistest.target_actions(env)[0]
    asserts.equals(env, [file.basename for file in target[DefaultInfo].files.to_list()], ["set.bundle.tar.gz"])
    inputs = [file.short_path for file in pack.inputs.to_list()]
    for path in ["set.plan.json", "suite.plan.json", "suite_with_database.plan.json", "a.yaml", "suite.plan.test.zst"]:
        asserts.true(env, "tools/e2e/tests/" + path in inputs, path + " is not packed")
    asserts.true(env, "tools/oci/tests/image.descriptor.json" in inputs, "the descriptor is not packed")
    asserts.false(env, "tools/e2e/tests/tests_test_/tests_test" in inputs, "the program itself is packed")
    asserts.equals(env, [], [file.short_path for file in pack.inputs.to_list() if file.is_directory])
    return analysistest.end(env)

_bundle_test = analysistest.make(_bundle_test_impl, config_settings = {_LAYERS: "runfiles"})

def _fails_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_fails_test = analysistest.make(_fails_test_impl, attrs = {"message": attr.string()}, expect_failure = True)

def _plan_that_fails(name, **kwargs):
    suite_plan(
        name = name,
        testonly = True,
        kind_config = "//tools/e2e:kind.yaml",
        namespace = "kubernaut-system",
        node_image = "//tools/e2e:node_image",
        suite_label = "//test/e2e:bad",
        suite_name = "bad",
        tags = ["manual"],
        test = ":tests_test",
        time_limit = "10m",
        **kwargs
    )

def suite_test_suite(name):
    """Makes the tests and what they look at.

    Args:
        name: of the test suite.
    """
    e2e_suite(
        name = "suite",
        expose = {"A_URL": "a:http"},
        images = ["//tools/oci/tests:image"],
        manifests = ["a.yaml"],
        tags = ["manual"],
        test = ":tests_test",
        visibility = ["//visibility:private"],
    )
    e2e_suite(
        name = "suite_with_database",
        database = "postgres",
        images = ["//tools/oci/tests:image"],
        manifests = ["a.yaml"],
        tags = ["manual"],
        test = ":tests_test",
        test_env = {"LOG_LEVEL": "debug"},
        visibility = ["//visibility:private"],
    )
    e2e_suite(
        name = "workers",
        kind_config = "//tools/e2e:kind_worker.yaml",
        tags = ["manual"],
        test = ":tests_test",
        visibility = ["//visibility:private"],
    )
    labels = _service_suite_labels()
    e2e_suites(
        name = "set",
        visibility = ["//visibility:private"],
    )
    _plan_that_fails(
        name = "bad_expose",
        expose = {"A_URL": "a"},
    )
    _plan_that_fails(
        name = "same_name",
        images = [
            "//tools/oci/tests:image.descriptor",
            "//tools/oci/tests:image_again.descriptor",
        ],
    )
    string_setting(
        name = "bad_reference",
        build_setting_default = "node:latest",
    )
    node_image(
        name = "bad_node_image",
        reference = ":bad_reference",
        tags = ["manual"],
    )
    edited_manifest(
        name = "unedited",
        src = "a.yaml",
        replacements = {},
        tags = ["manual"],
    )
    _names_test(
        name = "names_test",
        got = labels,
        want = [
            "//services/gateway:image.descriptor",
            "//services/datastorage:image.descriptor",
            "//tools/oci/tests:image.descriptor",
            "//services/internal/deploy:manifests",
            "//services/internal/api/crds:manifests",
            "//services/gateway/deploy:manifests",
            "//services/datastorage/deploy:manifests",
            ":a.yaml",
            "//test/e2e/gateway:gateway_test",
            "GATEWAY_URL",
        ],
    )
    _database_test(name = "database_test")
    _database_plan_test(
        name = "database_plan_test",
        target_under_test = ":suite_with_database.plan",
    )
    _reference_test(name = "reference_test")
    _plan_test(
        name = "plan_test",
        layout = True,
        target_under_test = ":suite.plan",
    )
    _plan_of_cache_test(
        name = "plan_of_cache_test",
        layout = False,
        target_under_test = ":suite.plan",
    )
    _run_test(
        name = "run_test",
        target_under_test = ":suite",
    )
    _set_test(
        name = "set_plan_test",
        target_under_test = ":set.plan",
    )
    _bundle_test(
        name = "bundle_test",
        target_under_test = ":set.bundle",
    )
    _fails_test(
        name = "bad_expose_test",
        message = "//test/e2e:bad: 'expose' must have values \"<service>:<port name>\", got \"a\" for A_URL",
        target_under_test = ":bad_expose",
    )
    _fails_test(
        name = "same_name_test",
        message = "//test/e2e:bad: 'images' must have different names, got \"tests\" from //tools/oci/tests:image and //tools/oci/tests:image;",
        target_under_test = ":same_name",
    )
    _fails_test(
        name = "bad_node_image_test",
        message = "//tools/e2e/tests:bad_node_image: 'reference' must be \"<name>:<tag>@sha256:<64 hex digits>\", got \"node:latest\"",
        target_under_test = ":bad_node_image",
    )
    _fails_test(
        name = "unedited_test",
        message = "//tools/e2e/tests:unedited: 'replacements' must not be empty;",
        target_under_test = ":unedited",
    )
    native.test_suite(
        name = name,
        tests = [
            ":bad_expose_test",
            ":bad_node_image_test",
            ":bundle_test",
            ":database_plan_test",
            ":database_test",
            ":names_test",
            ":plan_of_cache_test",
            ":plan_test",
            ":reference_test",
            ":run_test",
            ":same_name_test",
            ":set_plan_test",
            ":unedited_test",
        ],
    )
