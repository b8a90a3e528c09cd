package ghcr_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

const (
	repository = "kubernaut/kubernaut"
	gateway    = "kubernaut/kubernaut/gateway"
)

func start(t *testing.T, o ghcr.Options) *ghcr.Server {
	t.Helper()
	s, err := ghcr.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func image(t *testing.T) v1.Image {
	t.Helper()
	i, err := random.Image(200, 2)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func digest(t *testing.T, i v1.Image) string {
	t.Helper()
	h, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// push sends the image as the account whose token that is; nobody's when it is empty.
func push(t *testing.T, s *ghcr.Server, token, reference string, i v1.Image) error {
	t.Helper()
	ref, err := name.ParseReference(s.Host + "/" + reference)
	if err != nil {
		return err
	}
	return remote.Write(ref, i, remote.WithContext(t.Context()), auth(token))
}

func pull(t *testing.T, s *ghcr.Server, token, reference string) (string, error) {
	t.Helper()
	ref, err := name.ParseReference(s.Host + "/" + reference)
	if err != nil {
		return "", err
	}
	d, err := remote.Get(ref, remote.WithContext(t.Context()), auth(token))
	if err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}

func auth(token string) remote.Option {
	if token == "" {
		return remote.WithAuth(authn.Anonymous)
	}
	return remote.WithAuth(&authn.Basic{Username: "octocat", Password: token})
}

var accounts = []ghcr.Account{
	ghcr.Workflow(repository, "workflow"),
	ghcr.Fork(repository, "fork"),
	ghcr.Personal("octocat", "writer", []string{"write:packages", "delete:packages"}, "kubernaut"),
	ghcr.Personal("octocat", "reader", []string{"read:packages"}, "kubernaut"),
	ghcr.Personal("stranger", "stranger", []string{"write:packages"}),
	{User: "octocat", Token: "old", Scopes: []string{"write:packages"}, Expired: true},
}

func TestRights(t *testing.T) {
	const (
		open     = "kubernaut/open"
		unlinked = "kubernaut/unlinked"
	)
	for _, tc := range []struct {
		token, name string
		push, pull  string // texts of the errors; empty for success
	}{
		{token: "workflow", name: gateway},
		{token: "workflow", name: "kubernaut/kubernaut/new"},
		{token: "workflow", name: unlinked, push: "permission_denied: write_package"},
		{token: "fork", name: gateway, push: "permission_denied: write_package"},
		{token: "fork", name: "kubernaut/kubernaut/new", push: "installation not allowed to Create organization package", pull: "manifest unknown"},
		{token: "writer", name: unlinked},
		{token: "reader", name: gateway, push: "does not match expected scopes"},
		{token: "stranger", name: gateway, push: "access to the resource is denied", pull: "access to the resource is denied"},
		{token: "stranger", name: open, push: "access to the resource is denied"},
		{token: "", name: open, push: "denied"},
		{token: "", name: gateway, push: "authentication required", pull: "authentication required"},
		{token: "old", name: open, push: "DENIED: denied", pull: "DENIED: denied"},
		{token: "wrong", name: open, push: "DENIED: denied", pull: "DENIED: denied"},
	} {
		t.Run(tc.token+" "+tc.name, func(t *testing.T) {
			s := start(t, ghcr.Options{Accounts: accounts, Packages: []ghcr.Package{
				{Name: gateway, Repository: repository}, {Name: open, Public: true}, {Name: unlinked},
			}})
			there := image(t)
			if tc.name != "kubernaut/kubernaut/new" {
				if err := push(t, s, "writer", tc.name+":there", there); err != nil {
					t.Fatal(err)
				}
			} else if tc.pull == "" {
				if err := push(t, s, tc.token, tc.name+":there", there); err != nil {
					t.Fatal(err)
				}
			}
			check(t, "push", push(t, s, tc.token, tc.name+":t1", image(t)), tc.push)
			_, err := pull(t, s, tc.token, tc.name+":there")
			check(t, "pull", err, tc.pull)
			if tc.push != "" && s.Digest(tc.name, "t1") != "" {
				t.Error("a refused push wrote its tag")
			}
		})
	}
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// get asks REST, and returns the status and the decoded body.
func get(t *testing.T, s *ghcr.Server, method, token, path string) (*http.Response, any) {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.API + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var value any
	if err := json.NewDecoder(resp.Body).Decode(&value); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return resp, value
}

// A client that was given a token for a POST without credentials in the query would go on with nobody's.
func TestTokensAreNotPosted(t *testing.T) {
	s := start(t, ghcr.Options{})
	resp, err := http.PostForm(s.URL+"/token", url.Values{"grant_type": {"password"}, "service": {"ghcr.io"}, "username": {"me"}, "password": {"read"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodGet {
		t.Errorf("got %s, Allow: %q; want 405, GET", resp.Status, resp.Header.Get("Allow"))
	}
}

func TestVersions(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts})
	first, second := image(t), image(t)
	for reference, i := range map[string]v1.Image{":pr-1": first, ":main": second} {
		if err := push(t, s, "workflow", gateway+reference, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := push(t, s, "workflow", gateway+":pr-1", second); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, v := range s.Versions(gateway) {
		got[v.Digest] = v.Tags
	}
	want := map[string][]string{digest(t, first): nil, digest(t, second): {"main", "pr-1"}}
	if diff := cmp.Diff(want, got, cmp.Transformer("empty", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	const versions = "/orgs/kubernaut/packages/container/kubernaut%2Fgateway/versions"
	resp, body := get(t, s, "GET", "writer", versions+"?per_page=1")
	link := resp.Header.Get("Link")
	if list, ok := body.([]any); !ok || len(list) != 1 || !strings.Contains(link, `rel="next"`) {
		t.Fatalf("got %d %v, Link %q", resp.StatusCode, body, link)
	}
	next := link[1:strings.Index(link, ">")]
	_, body = get(t, s, "GET", "writer", next)
	if list, ok := body.([]any); !ok || len(list) != 1 {
		t.Errorf("got %v from %s", body, next)
	}
	for _, v := range s.Versions(gateway) {
		status := http.StatusNoContent
		if len(v.Tags) > 0 {
			status = http.StatusBadRequest
		}
		req := versions + "/" + itoa(v.ID)
		if resp, body := get(t, s, "DELETE", "workflow", req); resp.StatusCode != status {
			t.Errorf("%s: got %d %v, want %d", req, resp.StatusCode, body, status)
		}
	}
	if _, err := pull(t, s, "workflow", gateway+"@"+digest(t, first)); err == nil {
		t.Error("a deleted version is there")
	}
}

// bearer is the header with a token of /token.
func bearer(t *testing.T, s *ghcr.Server, password, scope string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/token?service=ghcr.io&scope="+scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("octocat", password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("got no token: %s, %v", resp.Status, err)
	}
	return "Bearer " + answer.Token
}

func tags(t *testing.T, s *ghcr.Server) []string {
	t.Helper()
	repo, err := name.NewRepository(s.Host + "/" + gateway)
	if err != nil {
		t.Fatal(err)
	}
	list, err := remote.List(repo, remote.WithContext(t.Context()), auth("workflow"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func itoa(id int64) string { data, _ := json.Marshal(id); return string(data) }
