package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Credentials are what a registry asks for. The zero value is anonymous.
type Credentials struct {
	Username, Password string
	IdentityToken      string // an OAuth2 refresh token, in place of a password
}

// String hides the secrets from messages and %v.
func (c Credentials) String() string { return "credentials of " + c.Username }

// dockerConfig is the part of docker's config.json (and podman's auth.json) that names credentials.
type dockerConfig struct {
	Auths map[string]struct {
		Auth          string `json:"auth"`
		Username      string `json:"username"`
		Password      string `json:"password"`
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"`
	CredsStore  string            `json:"credsStore"`
}

// ConfigFiles lists where credentials are looked up, in order: docker's file, then podman's.
func ConfigFiles(getenv func(string) string) []string {
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(getenv("HOME"), ".docker")
	}
	files := []string{filepath.Join(dir, "config.json")}
	if file := getenv("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, file)
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	return files
}

// LookUp returns the credentials for a registry from the first file that has some. Missing files are skipped; a
// registry without credentials is anonymous.
func LookUp(ctx context.Context, files []string, host string) (Credentials, error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Credentials{}, fmt.Errorf("reading credentials: %w", err)
		}
		var config dockerConfig
		if err := json.Unmarshal(data, &config); err != nil {
			return Credentials{}, fmt.Errorf("reading credentials %q: %w", file, err)
		}
		found, err := config.lookUp(ctx, host)
		if err != nil || found != (Credentials{}) {
			return found, err
		}
	}
	return Credentials{}, nil
}

func (c dockerConfig) lookUp(ctx context.Context, host string) (Credentials, error) {
	for _, key := range configKeys(host) {
		if helper := c.CredHelpers[key]; helper != "" {
			return ask(ctx, helper, key)
		}
		if c.CredsStore != "" {
			found, err := ask(ctx, c.CredsStore, key)
			if err != nil || found != (Credentials{}) {
				return found, err
			}
		}
		entry, ok := c.Auths[key]
		if !ok {
			continue
		}
		found := Credentials{Username: entry.Username, Password: entry.Password, IdentityToken: entry.IdentityToken}
		if entry.Auth == "" {
			return found, nil
		}
		plain, err := base64.StdEncoding.DecodeString(entry.Auth)
		if err != nil {
			return Credentials{}, fmt.Errorf("reading credentials of %q: malformed base64", key)
		}
		found.Username, found.Password, _ = strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
		return found, nil
	}
	return Credentials{}, nil
}

// configKeys are the names that tools store a registry under. Docker Hub has a name of its own.
func configKeys(host string) []string {
	keys := []string{host, "https://" + host, "http://" + host, "https://" + host + "/v2/", "https://" + host + "/v1/"}
	if host == "index.docker.io" {
		keys = append([]string{"https://index.docker.io/v1/", "docker.io"}, keys...)
	}
	return keys
}

// ask runs a credential helper (https://github.com/docker/docker-credential-helpers). A helper that knows nothing of
// the registry makes the push anonymous.
func ask(ctx context.Context, helper, host string) (Credentials, error) {
	command := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	command.Stdin = strings.NewReader(host)
	var stdout bytes.Buffer
	command.Stdout, command.Stderr = &stdout, os.Stderr
	if err := command.Run(); err != nil {
		if strings.Contains(stdout.String(), "credentials not found") {
			return Credentials{}, nil
		}
		return Credentials{}, fmt.Errorf("running docker-credential-%s for %q: %w", helper, host, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return Credentials{}, fmt.Errorf("running docker-credential-%s for %q: malformed answer", helper, host)
	}
	if answer.Username == "<token>" {
		return Credentials{IdentityToken: answer.Secret}, nil
	}
	return Credentials{Username: answer.Username, Password: answer.Secret}, nil
}
