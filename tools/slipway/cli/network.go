package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// bridgeHosts returns the registry's host when it is an address of one of this machine's bridges, such as kind's network:
// only containers of this machine are on it, and like loopback it is spoken to without TLS.
func bridgeHosts(registry string) []string {
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

// withPort adds the port of plain HTTP when there is none.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "80")
}

// pullSecret is a .dockerconfigjson with the credentials for the repository's registry, nil when there are none
// (https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/).
func pullSecret(ctx context.Context, keychain authn.Keychain, repository string) ([]byte, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, err
	}
	auth, err := authn.Resolve(ctx, keychain, repo)
	if err != nil {
		return nil, fmt.Errorf("finding credentials for %q: %w", repo.RegistryStr(), err)
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, fmt.Errorf("finding credentials for %q: %w", repo.RegistryStr(), err)
	}
	if config.Username == "" || config.Password == "" {
		return nil, nil
	}
	host, _, _ := strings.Cut(repository, "/")
	if host == "docker.io" || host == name.DefaultRegistry {
		host = authn.DefaultAuthKey
	}
	entry := map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(config.Username + ":" + config.Password))}
	return json.Marshal(map[string]any{"auths": map[string]any{host: entry}})
}
