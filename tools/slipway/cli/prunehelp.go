package cli

// pruneUsage is all there is to know about "slipway prune".
const pruneUsage = `slipway prune deletes what CI has left in a registry, by a policy, and only with --delete.

Usage:
  slipway prune [flags]

Under bazel, flags follow "--":
  tools/bazelw run //services:prune                        what would go from the project's registry
  tools/bazelw run //services:prune -- --pr=123 --delete   pull request 123 has been closed
  tools/bazelw run //services:prune -- --registry=localhost:5001/kubernaut --closed=12,15

Which tags go:
  pr-<N>          when pull request N is closed; GitHub is asked, unless --closed says so
  main-<12 hex>   when it is older than --main-age and not among the newest --main-keep; main-<12 hex>-all, the index
                  of the same commit, counts with it
  All other tags stay: v1.2.3, latest, pr-12-debug, and whatever else there is.

Which manifests go: those without a tag that stays, unless a manifest that stays reaches them. An index reaches its
parts, and every manifest what is attached to it: as a referrer, by a tag sha256-<hex> or by cosign's tags
sha256-<hex>.sig, .att and .sbom. A manifest without a tag stays while it is younger than --grace: a push writes
manifests before tags. When one that stays cannot be read, none without a tag goes.

Deleting: the repository is read again before the first deletion, every hundred and every minute; a tag that has moved
meanwhile is honoured, and nothing goes that the printed plan does not name. Indexes go before their parts. A run that was stopped,
at whatever point, has broken nothing that stays, and the same command does the rest. What is not there any more is
skipped and said.

Registries:
  GitHub's        through the REST API: GITHUB_TOKEN needs packages: write in a workflow, or read:packages and
                  delete:packages. It cannot remove a tag alone: a tag that goes stays as long as its manifest. It
                  cannot remove the last tagged version either: that one stays, or the package goes with
                  --delete-packages.
  others          through the distribution API. Manifests without a tag are not listed there: only those go that belong
                  to what goes. They are written down under the tag slipway-prune while a run deletes. A date is that of
                  the annotation org.opencontainers.image.created or of the image's configuration, and a tag of main
                  without one stays. Run it while nobody pushes the same images.

Flags:
  --registry=HOST/PATH  host[:port][/path] without scheme, lower case (default: $IMAGE_REGISTRY, else the target's)
  --plan=FILE           whose repositories: the plan of //services:prune or of an image_push (default: $SLIPWAY_PLAN)
  --image=NAME          a repository below --registry in place of the plan's, as often as wanted
  --catalog             all repositories below --registry that the registry's catalog has
  --api=KIND            github, distribution or auto: github for ghcr.io and for the host of
                        $GITHUB_API_URL (default auto)
  --pull-requests=OWNER/NAME
                        whose pull requests pr-<N> are (default: $GITHUB_REPOSITORY). Unset: tags pr-<N> stay,
                        but for those of --pr and --closed
  --pr=N                look at this pull request alone, not at main; GitHub is asked whether it is closed, and believed
                        not to have been opened again when --pull-requests is unset
  --closed=N,N          these pull requests are closed; GitHub is not asked
  --main-age=DURATION   such as 336h (default), counted from the manifest's last change; 0: tags of main stay
  --main-keep=N         newest tags of main that stay whatever their age, in each repository (default 20)
  --grace=DURATION      default 24h; 0: no grace
  --delete              delete; without it, nothing is written anywhere
  --delete-packages     delete a package of GitHub's of which nothing would stay
  --json                the plan and what came of it as JSON, version 1
  --jobs=N              requests at a time, 1 to 64 (default 4)
  --max-wait=DURATION   longest wait for a rate limit; each wait is announced (default 10m)

Environment:
  GITHUB_TOKEN          token for GitHub's REST API, and for its registry where docker login has left none
  GITHUB_API_URL        default https://api.github.com
  GITHUB_REPOSITORY     see --pull-requests
  IMAGE_REGISTRY        see --registry
  SLIPWAY_PLAN          see --plan
  DOCKER_CONFIG         folder of the registry credentials (default: $HOME/.docker)

Output:
  stdout   for each repository every tag and manifest with what becomes of it and why, then the sum
  stderr   everything else

Exit codes:
  0    the plan is made, or carried out
  2    flags, environment or plan are wrong; nothing was asked of any registry
  3    a registry or GitHub failed, or something could not be deleted
  130  interrupted
`
