package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

const indexType = "application/vnd.oci.image.index.v1+json"

// serveGitHub starts a registry with GitHub's habits, $GITHUB, where every version is 30 days old. Of $GITHUB/kubernaut's pull
// requests 1 is closed and 2 is open.
func serveGitHub(env *testscript.Env) error {
	const repository = "kubernaut/kubernaut"
	expired := ghcr.Workflow(repository, "expired-token")
	expired.Expired = true
	server, err := ghcr.New(ghcr.Options{
		Accounts: []ghcr.Account{
			ghcr.Workflow(repository, "workflow-token"), ghcr.Workflow("kubernaut/website", "website-token"), ghcr.Fork(repository, "fork-token"), expired,
		},
		Pulls: []ghcr.PullRequest{{Repository: repository, Number: 1, State: "closed"}, {Repository: repository, Number: 2, State: "open"}},
		Now:   func() time.Time { return time.Now().Add(-30 * 24 * time.Hour) },
	})
	if err != nil {
		return err
	}
	env.Defer(func() { server.Close() })
	env.Setenv("GITHUB", server.Host)
	env.Setenv("GITHUB_API_URL", server.API)
	for _, name := range []string{"GITHUB_TOKEN", "GITHUB_REPOSITORY"} {
		env.Setenv(name, "")
	}
	return nil
}

// connected is an authenticated client of a script's registry. The package "website" is another repository's.
func connected(ts *testscript.TestScript, repository string) (name.Repository, *http.Client) {
	repo, err := name.NewRepository(repository)
	ts.Check(err)
	auth := authn.Anonymous
	if repo.RegistryStr() == ts.Getenv("GITHUB") {
		password := "workflow-token"
		if strings.HasSuffix(repository, "/website") {
			password = "website-token"
		}
		auth = &authn.Basic{Username: "x", Password: password}
	}
	wrapped, err := transport.NewWithContext(context.Background(), repo.Registry, auth, http.DefaultTransport, []string{repo.Scope("push,pull")})
	ts.Check(err)
	return repo, &http.Client{Transport: wrapped}
}

// writeManifest writes one: manifest REPOSITORY TEXT [TAG...]. A word +TEXT makes it an index of the manifest with that text.
func writeManifest(ts *testscript.TestScript, _ bool, args []string) {
	repo, client := connected(ts, args[0])
	data, mediaType, tags := manifestBytes(args[1], args[2:])
	for _, reference := range append(tags, digest(data)) {
		req, err := http.NewRequest(http.MethodPut, "http://"+repo.RegistryStr()+"/v2/"+repo.RepositoryStr()+"/manifests/"+reference, bytes.NewReader(data))
		ts.Check(err)
		req.Header.Set("Content-Type", mediaType)
		resp, err := client.Do(req)
		ts.Check(err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			ts.Fatalf("writing %s: %s", reference, resp.Status)
		}
	}
}

func manifestBytes(text string, words []string) (data []byte, mediaType string, tags []string) {
	made := map[string]any{"schemaVersion": 2, "mediaType": manifestType, "annotations": map[string]string{"text": text}}
	for _, word := range words {
		part, isPart := strings.CutPrefix(word, "+")
		if !isPart {
			tags = append(tags, word)
			continue
		}
		inner, innerType, _ := manifestBytes(part, nil)
		made["mediaType"] = indexType
		made["manifests"] = []any{map[string]any{"mediaType": innerType, "digest": digest(inner), "size": len(inner)}}
	}
	data, _ = json.Marshal(made)
	return data, made["mediaType"].(string), tags
}

// lists holds a repository's tags, and manifests by their text as +TEXT or, when they must not be there, -TEXT, against the
// arguments: lists REPOSITORY [WORD...].
func lists(ts *testscript.TestScript, _ bool, args []string) {
	repo, client := connected(ts, args[0])
	var tags []string
	for _, word := range args[1:] {
		if text := strings.TrimLeft(word, "+-"); text != word {
			data, _, _ := manifestBytes(text, nil)
			_, err := remote.Head(repo.Digest(digest(data)), remote.WithTransport(client.Transport))
			if (err == nil) != (word[0] == '+') {
				ts.Fatalf("%s: manifest %s: %v", args[0], word, err)
			}
			continue
		}
		tags = append(tags, word)
	}
	got, err := remote.List(repo, remote.WithTransport(client.Transport))
	ts.Check(err)
	slices.Sort(got)
	slices.Sort(tags)
	if diff := cmp.Diff(tags, got); diff != "" {
		ts.Fatalf("%s: tags (-want +got):\n%s", args[0], diff)
	}
}
