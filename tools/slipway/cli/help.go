package cli

// usage is all there is to know about the command line; README and documentation refer to it.
const usage = `slipway runs an end-to-end suite, or several at the same time, on a kind cluster.

Usage:
  slipway [run] [flags] [-- test flags]    e.g. slipway --fresh -- -test.run=TestGW1
  slipway push [flags]             sends images to a registry; has a --help of its own
  slipway doctor [flags]           says what a run or a push would fail of; has a --help of its own
  slipway prune [flags]            deletes what CI has left in a registry; has a --help of its own
  slipway release [flags]          copies tested images under a version; has a --help of its own
  slipway report [--html=FILE] [--summary=FILE] REPORT.json...
                                           show reports of earlier runs, all on one page
  slipway version
  slipway help

Under bazel, flags follow "--" once, and the test's a second time:
  tools/bazelw run //test/e2e:gateway -- --keep=false -- -test.run=TestGW1

Flags:
  --plan=FILE           the plan of a suite or of a set of suites, a file or a path in the
                        runfiles (default: $SLIPWAY_PLAN)
  --destination=WHERE   auto, registry or kind (default auto: registry when IMAGE_REGISTRY and
                        IMAGE_TAG are set, kind when neither is)
  --fallback=WHAT       what a registry that denies the push or does not answer leads to:
                        kind, with a warning, or never, which makes it an error (default kind)
  --load=HOW            into kind: delta streams only the layers that a node lacks, archive all
                        of them (default delta)
  --cache=URL           remote cache that has the layers: grpc://, grpcs://, http://, https:// or
                        unix: (default: $BAZEL_REMOTE_CACHE, else Bazel's, see below)
  --disk-cache=DIR      the same for a disk cache (default: Bazel's)
  --bazelrc=FILE        a further rc file to read
  --fresh               delete the suite's cluster first and create a new one
  --keep                keep the cluster for the next run (default: true; in CI and under bazel test
                        only a cluster that was there before is kept)
  --engine=NAME         docker or podman (default: the one that answers, docker first)
  --dry-run             say what would be moved where, and stop; needs no cluster
  --report=FILE         write the report as JSON, version 1
  --html=FILE           write the report as one page, with a timeline of disk and bytes
  --summary=FILE        append the report as Markdown (default: $GITHUB_STEP_SUMMARY)
  --disk-budget=SIZE    such as 2GiB or 500MB: stop the run when it has taken more of the disks
                        than that since the start of the build, clean up, and fail with 3
  --output=DIR          folder for logs and for what the test writes (default:
                        $TEST_UNDECLARED_OUTPUTS_DIR, else one below the cache folder)
  --suites-at-once=N    suites of a set that are deployed and tested at the same time
                        (default: two for each processor)
  --jobs=N              layers sent to a registry at a time, 1 to 64 (default 4)
  --timeout=DURATION    limit of each test program, such as 90s or 10m (default: the plan's)

A set of suites:
  tools/bazelw run //test/e2e:all
  One cluster and one delivery serve all suites. Each runs in namespaces of its own,
  "<namespace>-<suite>", and writes its test's output to <output>/<suite>/test.log. One that fails
  stops no other. The namespaces of a suite that passed are removed at once; those of a failed one
  stay for a look, and the next run uses or removes them. Test flags need a single suite.

Layers:
  Under --config=ci runfiles hold no layers: they go from where Bazel has them to the registry or to
  the nodes. Each layer is taken from the first that has it:
    1. the image's layout, in the runfiles or, for what Bazel has built here, in bazel-bin
    2. the disk cache, then the remote cache
    3. for nodes, the registry of IMAGE_REGISTRY, where an earlier job may have pushed it
    4. a layer of a base that was pulled: the repositories in "upstreams" of its image_descriptor, in
       their order, with the credentials of DOCKER_CONFIG
  What lacks a layer is passed over in silence. What cannot be used is named once, with its reason, in
  a warning, and the next one is asked. Digest and size are checked whatever the source. A layer that
  is nowhere ends the run.
  Caches, headers, certificates and credential helpers are those of Bazel's rc files (sections common,
  build, run or test, and :ci); what stands on Bazel's command line alone is not seen.

Disk:
  What a run takes is what the free space of all file systems that it uses has fallen by, looked at
  four times a second: external repositories, build outputs, images, cluster and logs. The count
  begins with the build, after the set-up of tools/bazelw, or with this program when that is not
  known. A node image that is pulled meanwhile is in it, and so is what other programs write.

A bundle:
  tools/bazelw build //test/e2e:gateway.bundle
  tar xf bazel-bin/test/e2e/gateway.bundle.tar.gz && gateway.bundle/run
  One archive has all that a run needs but the images' layers: no Bazel, no checkout. Every flag
  counts as above. The nodes pull from the registry of IMAGE_REGISTRY and IMAGE_TAG, or slipway reads
  the layers from a cache. A container engine must run that has the node image or can pull it;
  its client is found by PATH, the cache folder by HOME. "//test/e2e:all" has a bundle, too;
  --plan=_main/test/e2e/gateway.plan.json runs one suite of it.

Environment:
  IMAGE_REGISTRY        host[:port][/path] without scheme, lower case; empty counts as not set
  IMAGE_TAG             at most 128 characters of A-Z a-z 0-9 _ . -
  BAZEL_REMOTE_CACHE    see --cache; tools/bazelw gives it to Bazel too
  SLIPWAY_PLAN          see --plan
  SLIPWAY_ENGINE_HOOK   command that starts a container engine when none answers, and gives it the
                        node image of the offline tool set when it lacks that
  KUBERNAUT_CACHE       cache folder (default: $XDG_CACHE_HOME/kubernaut, else
                        $HOME/.cache/kubernaut)
  GITHUB_STEP_SUMMARY   see --summary
  DOCKER_CONFIG         folder of the registry credentials (default: $HOME/.docker)
  CI, TEST_TARGET       when set, clusters are not kept by default
  CI, GITHUB_ACTIONS, TEST_TARGET
                        when none is set, IMAGE_REGISTRY and IMAGE_TAG may be left over in a shell:
                        the first line says how to unset them
  NO_COLOR              when set, no colours

Output:
  stdout   "<image> <repository>@sha256:<digest>", one line for each image
  stderr   everything else; the first line is the destination and its reason

Exit codes:
  0    the suite, or every suite of the set, passed
  1    the suite ran and failed
  2    flags, environment, plan or manifests are wrong; nothing was touched
  3    registry, container engine, cluster or deployment failed
  130  interrupted; logs are exported and the cluster is deleted first
  Of several suites that failed, the highest code counts.
`
