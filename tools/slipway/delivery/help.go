package delivery

// Usage is all there is to know about "slipway push".
const Usage = `slipway push sends images to a registry and moves only what it lacks.

Usage:
  slipway push [flags]

Under bazel, flags follow "--":
  tools/bazelw run //services:push -- --registry=localhost:5001/kubernaut --tag=dev
  tools/bazelw run //test/e2e:gateway -- push --registry=localhost:5001/kubernaut    (the suite's images)

Images that are there cost one request each and no byte. Blobs are sent in parallel, one that several images share once
where the registry can mount it. A layer of a pulled base is mounted, too, when an upstream of it (image_descriptor's
"upstreams") is in the same registry. Manifests follow when all blobs of all images are there, tags when all manifests
are. A push that was broken off leaves no tag, and the next one sends what lacks.

Flags:
  --registry=HOST/PATH  host[:port][/path] without scheme, lower case; the image's name follows it
                        (default: $IMAGE_REGISTRY, else the target's)
  --tag=TAG             tag of every image, as often as wanted (default: $IMAGE_TAG, else none: the
                        images are there by digest)
  --cache=URL, --disk-cache=DIR, --bazelrc=FILE
                        where the layers are when runfiles lack them, as for a suite: slipway --help
  --dry-run             say which requests and bytes each image would cost, and stop
  --jobs=N              layers sent to a registry at a time, 1 to 64 (default 4: ten images to a registry
                        20 ms away were no faster with 8, 16 or 32); of requests without a layer four
                        times as many
  --report=FILE         write the report as JSON, version 1
  --html=FILE           write the report as one page
  --summary=FILE        append the report as Markdown (default: $GITHUB_STEP_SUMMARY)
  --plan=FILE           what to push: the plan of an image_push, or the images of a suite's or a set's, which need
                        --registry; a file or a path in the runfiles (default: $SLIPWAY_PLAN)

Environment:
  IMAGE_REGISTRY        see --registry
  IMAGE_TAG             see --tag
  SLIPWAY_PLAN          see --plan
  DOCKER_CONFIG         folder of the registry credentials (default: $HOME/.docker)
  NO_COLOR              when set, no colours

Output:
  stdout   "<image> <repository>@sha256:<digest>", one line for each image
  stderr   everything else; the first line is the destination and its reason

Exit codes:
  0    every image is in the registry, and every tag points to it
  2    flags, environment or plan are wrong; nothing was touched
  3    the registry or a source of blobs failed; no tag was written before every image was there
  130  interrupted
`
