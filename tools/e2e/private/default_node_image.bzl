"""The node image of machines with internet."""

# The default of the kind release in go.mod, which is tested together with it; default_node_image_test compares the two.
DEFAULT_NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
