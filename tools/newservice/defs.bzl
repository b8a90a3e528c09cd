"""The files of a new service, as outputs of the build.

```starlark
load("//tools/newservice:defs.bzl", "scaffold")

scaffold(
    name = "files",
    outs = ["services/example/main.go"],  # and all others
    service = "example",
)
```

It exists so that what `bazel run //tools/newservice` writes is compiled and tested with everything else.
"""

load("//tools/newservice/private:scaffold.bzl", _scaffold = "scaffold")

scaffold = _scaffold
