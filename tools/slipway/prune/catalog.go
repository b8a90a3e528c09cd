package prune

import (
	"context"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Catalog lists the repositories below a registry's path, "localhost:5001/kubernaut", by their whole names:
// https://distribution.github.io/distribution/spec/api/#catalog. Many hosted registries have none.
func Catalog(ctx context.Context, client Client, registry string) ([]string, error) {
	repo, err := parseRepository(registry + "/any")
	if err != nil {
		return nil, err
	}
	host, path, _ := strings.Cut(registry, "/")
	wrapped, err := client.authenticate(ctx, repo.Registry, repo.Registry, "registry:catalog:*")
	if err != nil {
		return nil, explain("listing repositories of "+host, host, err)
	}
	all, err := remote.Catalog(ctx, repo.Registry, remote.WithTransport(wrapped))
	if err != nil {
		return nil, explain("listing repositories of "+host, host, err)
	}
	var list []string
	for _, name := range all {
		if path == "" || strings.HasPrefix(name, path+"/") {
			list = append(list, host+"/"+name)
		}
	}
	return list, nil
}
