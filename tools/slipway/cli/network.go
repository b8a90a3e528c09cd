package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

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
