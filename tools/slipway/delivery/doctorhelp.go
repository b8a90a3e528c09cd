package delivery

// doctorUsage is all there is to know about "slipway doctor".
const doctorUsage = `slipway doctor says what a run or a push would fail of, before a byte moves, and what to type.

Usage:
  slipway doctor [flags]

Under bazel, flags follow "--":
  tools/bazelw run //services:push -- doctor                    (all services' images)
  tools/bazelw run //test/e2e:gateway -- doctor                 (the suite's)
  tools/bazelw run //tools/slipway -- doctor --registry=ghcr.io/kubernaut/kubernaut --image=gateway

Checks:
  variables  IMAGE_REGISTRY and IMAGE_TAG: one alone, upper case, left over in a shell
  registry   does it answer, with a certificate that this machine trusts
  login      are there credentials, and does the registry take them
  push       may they write each image's repository; if not: a fork's token, a token without
             write:packages, a job without "packages: write", a package that is linked to another
             repository
  image      is each image there by digest, or can it be sent
  nodes      may the nodes of a cluster pull: public, or with these credentials as a pull secret
  limit      does the registry, or GitHub's REST API, take no more requests for now

What it costs: 3 requests to the registry, and 8 for each image: 5 with the credentials, 3 without; fewer where the registry
knows no tokens. Where a push to GitHub's registry is denied, 1 or 2 to its REST API for each image, and 1 for its limit.
All are reads but one: only an upload tells the right to push, so one of no byte begins and is cancelled. A registry that does
not let it be cancelled drops it by itself later, and the check says so. No image, tag or package comes into being.

Flags:
  --registry=HOST/PATH  host[:port][/path] without scheme, lower case; the image's name follows it
                        (default: $IMAGE_REGISTRY, else the target's; none: the variables alone)
  --image=NAME          an image of the plan, as often as wanted (default: all); without a plan any name (default: doctor,
                        which no package is called: may a new one be made?)
  --api=URL             GitHub's REST API, which gets the login's password as its token (default: for ghcr.io
                        https://api.github.com; for another registry none)
  --json                print the report as JSON, version 1, instead of a table
  --plan=FILE           of a suite, a set or a push; a file or a path in the runfiles (default: $SLIPWAY_PLAN)

Environment:
  IMAGE_REGISTRY, IMAGE_TAG
                        what is examined
  DOCKER_CONFIG         folder of the registry credentials (default: $HOME/.docker)
  SSL_CERT_FILE         PEM file of the authorities to trust
  CI, GITHUB_ACTIONS, TEST_TARGET
                        when none is set, the variables may be left over in a shell
  GITHUB_REPOSITORY, GITHUB_EVENT_PATH
                        the workflow's: whose token it is, and whether the pull request is a fork's
  SLIPWAY_PLAN          see --plan

Output:
  stdout   a table, a row for each check and below it the lines to type, or JSON:
           {"version": 1, "registry": …, "requests": N, "checks": [{"check": …, "subject": …,
           "state": "ok" | "warning" | "failure", "finding": …, "hints": […]}, …]}
  stderr   the error, if there is one

Exit codes:
  0    nothing will fail; there may be warnings
  2    flags or plan are wrong; nothing was asked
  3    a check is a failure
  130  interrupted
`
