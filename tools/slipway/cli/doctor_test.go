package cli

import (
	"testing"

	"github.com/kubernaut/kubernaut/test/certificates"
	"github.com/kubernaut/kubernaut/test/ghcr"
)

// TestDoctor runs scripts beside a registry with GitHub's habits.
func TestDoctor(t *testing.T) {
	files, err := certificates.New(t.TempDir(), privateHost)
	if err != nil {
		t.Fatal(err)
	}
	const repository = "kubernaut/kubernaut"
	server, err := ghcr.New(ghcr.Options{
		Certificate: files.Server, Key: files.ServerKey, Known: "https://" + privateHost,
		Accounts: []ghcr.Account{
			ghcr.Workflow(repository, "workflow"), ghcr.Fork(repository, "fork"),
			ghcr.Personal("octocat", "writer", []string{"write:packages"}, "kubernaut"),
		},
		Packages: []ghcr.Package{{Name: repository + "/gateway", Repository: repository}, {Name: repository + "/datastorage", Repository: "kubernaut/website"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	runPrivate(t, "testdata/doctor", server.Host, files.CA, map[string]string{
		"docker": "octocat:writer", "workflow": "bot:workflow", "fork": "bot:fork", "wrong": "octocat:hunter2",
	})
	if left := server.Uploads(); left != 0 {
		t.Errorf("%d uploads are left", left)
	}
}
