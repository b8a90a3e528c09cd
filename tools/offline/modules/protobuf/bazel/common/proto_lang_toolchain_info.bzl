"""`ProtoLangToolchainInfo` of Bazel itself."""

ProtoLangToolchainInfo = proto_common_do_not_use.ProtoLangToolchainInfo
