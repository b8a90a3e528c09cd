package cli

const usage = `tools/bazelw run //tools/ci -- COMMAND [FLAG…]

affected --base=REVISION [--head=REVISION] [--json] [--config=NAME] [--verbose]

  Prints the suites of //test/e2e whose inputs differ, one name a line: run them as //test/e2e:NAME. It compares what Bazel
  would run, with the content of every file that it would read: a change of a README runs nothing, one of a
  file that three images have runs the suites with these images.

  --base=REVISION   compare with the commit where the head's history left this one. Required. Example: origin/main. In a
                    workflow: ${{ github.event.pull_request.base.sha || github.event.before }}. Zeros (a new branch) and a
                    commit that a forced push has left without a branch: all.
  --head=REVISION   the state in question. Default: the work tree as it is, with new and changed files.
  --json            print {"base", "head", "all", "reason", "suites": [NAME], "tests": [LABEL], "why": {LABEL: TEXT}}
                    instead; tests are all affected ones, the suites' among them.
  --config=NAME     evaluate with a section of .bazelrc. In CI: ci. Default: none.
  --verbose         show Bazel's messages.

  All are affected, with the reason on stderr, when .bazelrc, .bazeliskrc, .bazelversion, .bazelignore, tools/bazel,
  tools/bazelw, tools/offline or CI's workflow differ, and when the base cannot be evaluated. A head that cannot be evaluated
  is an error.
  The base is checked out into the cache folder and deleted afterwards; its digests are kept there, in snapshots/,
  about 45 kB a commit: a workflow that keeps this folder between runs does not evaluate a base again.

matrix [--affected=FILE | SUITE…] [--ledger=PATH]… [--github-output]

  Prints {"include":[{"suite":"gateway","minutes":1.4},…]}, the longest suite first, for strategy.matrix.

  --affected=FILE   the suites that "affected --json" wrote there. Default: the arguments.
  --ledger=PATH     what slipway's --report=FILE wrote, or a folder with such files; may be given several times, the newest run
                    counts in which the suite passed. A path that is not there is no error, nor is a file of a folder that
                    another version wrote. Unit: minutes. A suite without one counts as 10.
  --github-output   also append to the file $GITHUB_OUTPUT: matrix=JSON; has=true or has=false, whether there is a suite; and
                    cluster=true or cluster=false, whether a test below //test/e2e/ is affected, which needs a cluster too.

  GitHub refuses a matrix without jobs, so a job that uses it asks first:
    if: needs.plan.outputs.has == 'true'
    strategy: {matrix: "${{ fromJSON(needs.plan.outputs.matrix) }}"}

passed --check=NAME [--commit=SHA] [--repository=OWNER/NAME]

  Asks GitHub whether the workflow job NAME has passed for a commit, and exits with 1 when it has not, not run or not ended.

  --check=NAME              Required. Example: gate.
  --commit=SHA              Default: $GITHUB_SHA. 40 hexadecimal digits.
  --repository=OWNER/NAME   Default: $GITHUB_REPOSITORY.

  $GITHUB_TOKEN must be allowed to read the repository's checks. $GITHUB_API_URL is by default https://api.github.com.

tags [--event=NAME] [--ref=REF] [--sha=SHA] [--registry=HOST] [--repository=OWNER/NAME] [--github-output]

  Prints two lines for a shell: repository=ghcr.io/OWNER/NAME and tag=TAG. TAG is pr-NUMBER for a pull request, main-SHA (12
  digits) for main, the version for v1.2.3. Anything else is refused, with exit code 2.

  --event=NAME              Default: $GITHUB_EVENT_NAME. push, pull_request, schedule, workflow_dispatch.
  --ref=REF                 Default: $GITHUB_REF. refs/heads/main, refs/pull/NUMBER/merge, refs/tags/v1.2.3.
  --sha=SHA                 Default: $GITHUB_SHA. 40 hexadecimal digits.
  --registry=HOST           Default: ghcr.io. Example: localhost:5001.
  --repository=OWNER/NAME   Lower case, as registries want it. Default: $GITHUB_REPOSITORY, lowered, with a note.
  --github-output           also append both lines to the file $GITHUB_OUTPUT.

Exit codes: 0 done, 1 the check has not passed, 2 wrong flags, variables or revisions, 3 Bazel, git, GitHub or the disk
failed, 130 interrupted.
`
