"""`proto_common` of Bazel itself."""

proto_common = proto_common_do_not_use
