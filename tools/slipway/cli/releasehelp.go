package cli

// releaseUsage is all there is to know about "slipway release".
const releaseUsage = `slipway release copies what CI has tested to the registry of releases, under a version.

Usage:
  slipway release --version=VERSION [flags]

Under bazel, flags follow "--":
  tools/bazelw run --config=ci //services:release -- --version=v1.2.3 --commit=$(git rev-parse HEAD) --dry-run

Nothing is built anew. CI has pushed an index of each service for linux/amd64 and linux/arm64 (//services:push_all) and tagged
it main-<first 12 digits of the commit>-all; its image for the platform that CI runs on is the very one that the suites tested.
The release looks the tags up, holds them against the digests that this commit builds, and copies by digest: blobs are mounted
where both registries are one, else they go from registry to registry without touching the disk.

A version is written once. When it is there with the same digest nothing is sent but the signatures that --key adds, for
which CI's registry need not have the commit any more; with another one nothing is written and the exit code is 3. Version
tags are written last, when everything of every service is there. The same command again goes on where a release was broken
off.

Beside the images go SPDX 2.3 documents for each platform, made by the build from the Go build info of the programs in the
layers, and SLSA v1 provenance for each index, as OCI referrers: oras discover quay.io/kubernaut/gateway:v1.2.3 lists
them. A registry without the referrers API gets the tag sha256-<digest> that the specification has instead.

With a key, indexes and images are signed and documents and provenance attested as cosign does:
  cosign verify --key=cosign.pub --insecure-ignore-tlog quay.io/kubernaut/gateway:v1.2.3
  cosign verify-attestation --key=cosign.pub --insecure-ignore-tlog --type=slsaprovenance1 quay.io/kubernaut/gateway:v1.2.3
Nothing is sent to a transparency log.

Flags:
  --version=VERSION     v and three numbers, such as v1.2.3 or v1.2.3-rc.1; the tag of every image. Required
  --from=HOST/PATH      host[:port][/path] that CI has pushed to, lower case (default: the target's)
  --to=HOST/PATH        host[:port][/path] that the release goes to, lower case (default: the target's)
  --commit=SHA          the commit that was tested, 40 hexadecimal digits (default: $GITHUB_SHA)
  --tag=TAG             the tag that CI gave to it (default: main-<first 12 digits of the commit>-all)
  --key=KEY             a private key of cosign's: a file, or env://NAME (default: $COSIGN_KEY, which may be the
                        key itself; none: nothing is signed)
  --builder=URI         who releases, for the provenance (default: the workflow of GITHUB_WORKFLOW_REF, else
                        urn:kubernaut:builder:local)
  --repository=URL      of the commit, for the provenance (default: $GITHUB_SERVER_URL/$GITHUB_REPOSITORY)
  --run-url=URL         of this run, for the provenance (default: that of GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT)
  --dry-run             print what goes where, what it costs and what is there, and stop
  --jobs=N              layers sent at a time, 1 to 64 (default 4)
  --report=FILE         write the report as JSON, version 1
  --html=FILE           write the report as one page
  --summary=FILE        append the report as Markdown (default: $GITHUB_STEP_SUMMARY)
  --plan=FILE           the plan of an image_release, a file or a path in the runfiles (default: $SLIPWAY_PLAN)

Environment:
  COSIGN_KEY            see --key
  COSIGN_PASSWORD       password of the key
  DOCKER_CONFIG         folder of the registries' credentials (default: $HOME/.docker)
  GITHUB_*              see --commit, --builder, --repository and --run-url
  NO_COLOR              when set, no colours

Output:
  stdout   "<service> <repository>@sha256:<digest>", one line for each service; none for a dry run
  stderr   everything else; the first line is the version, its source and its destination

Exit codes:
  0    every service is there under the version
  2    flags, environment, key or plan are wrong; nothing was touched
  3    what was tested is not known, the version is there with another digest, or a registry failed; no version was
       written before everything was there
  130  interrupted
`
