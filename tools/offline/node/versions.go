package node

// Repository of the node image; the tag is the Kubernetes version and a hash of
// the image's inputs.
const Repository = "kubernaut/node"

// The versions belong together: kubernetes/go.mod pins the programs, and kubeadm asks for
// images by the names in controlPlane.
const (
	kubernetesVersion = "v1.34.4"
	kubernetesMinor   = "34"
	// kindModule brings the base files; the main module's go.sum verifies it.
	kindModule = "sigs.k8s.io/kind@v0.33.0"
	// release is the Debian release of the node's root.
	release = "bookworm"
)

// packages are kind's list (images/base/Dockerfile) without what serves rootless
// engines and network storage, and with what kind builds from source.
func packages() []string {
	return []string{
		"systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount",
		"kmod", "libseccomp2", "pigz", "e2fsprogs", "bash", "ca-certificates", "curl", "jq", "procps", "socat",
		"containerd", "runc", "containernetworking-plugins",
	}
}

// controlPlane describes the images that a node brings along. The names are what
// kubeadm of kubernetesVersion asks for, and kind's containerd asks for pause:3.10;
// what is inside etcd and CoreDNS is the version that the Go modules pin.
func controlPlane(kubernetes, iptables, pause *layer) []image {
	const registry = "registry.k8s.io/"
	path := config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	at := func(entrypoint string) config { return config{Env: path.Env, Entrypoint: []string{entrypoint}} }
	return []image{
		{Tags: []string{
			registry + "kube-apiserver:" + kubernetesVersion,
			registry + "kube-controller-manager:" + kubernetesVersion,
			registry + "kube-scheduler:" + kubernetesVersion,
			registry + "etcd:3.6.5-0",
		}, Layers: []*layer{kubernetes}, Config: path},
		{Tags: []string{registry + "kube-proxy:" + kubernetesVersion}, Layers: []*layer{kubernetes, iptables}, Config: path},
		{Tags: []string{registry + "coredns/coredns:v1.12.1"}, Layers: []*layer{kubernetes}, Config: at("coredns")},
		{Tags: []string{registry + "pause:3.10", registry + "pause:3.10.1"}, Layers: []*layer{pause}, Config: at("/pause")},
	}
}
