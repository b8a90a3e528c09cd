package delivery

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// BridgeHosts returns the registry's host when it is an address of one of this machine's bridges, such as kind's network:
// only containers of this machine are on it, and like loopback it is spoken to without TLS.
func BridgeHosts(registry string) []string {
	host, _, _ := strings.Cut(registry, "/")
	u, err := url.Parse("//" + host)
	if err != nil {
		return nil
	}
	wanted := net.ParseIP(u.Hostname())
	interfaces, err := net.Interfaces()
	if wanted == nil || err != nil {
		return nil
	}
	for _, i := range interfaces {
		if _, err := os.Stat(filepath.Join("/sys/class/net", i.Name, "bridge")); err != nil {
			continue
		}
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(wanted) {
				return []string{host}
			}
		}
	}
	return nil
}

// Keychain finds the credentials that docker login left.
func Keychain() authn.Keychain { return authn.DefaultKeychain }

// Automated reports an environment that nobody types into: CI's, or that of a test, which has only what its rule lets through.
func Automated(getenv func(string) string) bool {
	return getenv("CI") != "" || getenv("GITHUB_ACTIONS") != "" || getenv("TEST_TARGET") != ""
}
