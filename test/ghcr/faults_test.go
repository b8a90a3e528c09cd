package ghcr_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

// send asks the registry with a bearer token for the scope.
func send(t *testing.T, s *ghcr.Server, method, path, token, scope string) *http.Response {
	t.Helper()
	resp, _ := ask(t, method, s.URL+path, bearer(t, s, token, scope))
	return resp
}

// ask sends one request without a body.
func ask(t *testing.T, method, target, authorization string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp, err
}

func TestTagLag(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts, TagLag: 2})
	first, second := image(t), image(t)
	for _, i := range []struct {
		reference string
		want      []string
	}{{":pr-1", []string{"", "", digest(t, first)}}, {":pr-1", []string{digest(t, first), digest(t, first), digest(t, second)}}} {
		next := first
		if i.want[0] != "" {
			next = second
		}
		if err := push(t, s, "workflow", gateway+i.reference, next); err != nil {
			t.Fatal(err)
		}
		var got []string
		for range i.want {
			d, _ := pull(t, s, "workflow", gateway+i.reference)
			got = append(got, d)
		}
		// The push itself asks for no tag that it has just written.
		if diff := cmp.Diff(i.want, got); diff != "" {
			t.Errorf("digests of three reads (-want +got):\n%s", diff)
		}
	}
	if got := s.Digest(gateway, "pr-1"); got != digest(t, second) {
		t.Errorf("got %s, want %s", got, digest(t, second))
	}
}

func TestBusy(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts, Busy: 2})
	var got []int
	for range 3 {
		resp, _ := ask(t, http.MethodGet, s.URL+"/v2/", "")
		got = append(got, resp.StatusCode)
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "0" {
			t.Errorf("got Retry-After %q", resp.Header.Get("Retry-After"))
		}
	}
	if diff := cmp.Diff([]int{429, 429, 401}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts})
	i := image(t)
	if err := push(t, s, "workflow", gateway+":main", i); err != nil {
		t.Fatal(err)
	}
	manifest := "/v2/" + gateway + "/manifests/" + digest(t, i)
	config, err := i.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	all := "repository:" + gateway + ":pull,push"
	for _, tc := range []struct {
		method, path, scope string
		want                int
	}{
		{"DELETE", manifest, all, 405},
		{"DELETE", "/v2/" + gateway + "/blobs/" + config.String(), all, 405},
		{"DELETE", "/v2/" + gateway + "/blobs/uploads/no", all, 404},
		{"GET", "/v2/Kubernaut/gateway/manifests/main", "repository:Kubernaut/gateway:pull", 400},
		{"GET", "/v2/" + gateway + "/referrers/" + digest(t, i), all, 404},
		{"POST", "/v2/" + gateway + "/blobs/uploads/", "repository:" + gateway + ":pull", 401},
		{"HEAD", "/v2/kubernaut/other/blobs/" + config.String(), "repository:kubernaut/other:pull", 404},
		{"POST", "/v2/kubernaut/kubernaut/other/blobs/uploads/?mount=" + config.String() + "&from=" + gateway, "repository:kubernaut/kubernaut/other:pull,push", 202},
		{"GET", manifest, all, 200},
	} {
		if resp := send(t, s, tc.method, tc.path, "workflow", tc.scope); resp.StatusCode != tc.want {
			t.Errorf("%s %s: got %s, want %d", tc.method, tc.path, resp.Status, tc.want)
		}
	}
}

func TestExpiredBearer(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts})
	token := bearer(t, s, "workflow", "")
	if resp, _ := ask(t, "GET", s.URL+"/v2/", token); resp.StatusCode != 200 {
		t.Errorf("got %s for a fresh token", resp.Status)
	}
	s.ExpireTokens()
	resp, _ := ask(t, "GET", s.URL+"/v2/", token)
	if challenge := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || !strings.Contains(challenge, "invalid_token") {
		t.Errorf("got %s, %q for an expired token", resp.Status, challenge)
	}
}

func TestUploadsEnd(t *testing.T) {
	for noCancel, want := range map[bool]int{false: 204, true: 405} {
		s := start(t, ghcr.Options{Accounts: accounts, NoCancel: noCancel})
		all := "repository:" + gateway + ":pull,push"
		location := send(t, s, "POST", "/v2/"+gateway+"/blobs/uploads/", "workflow", all).Header.Get("Location")
		if s.Uploads() != 1 {
			t.Errorf("got %d uploads, want 1", s.Uploads())
		}
		if resp := send(t, s, "DELETE", location, "workflow", all); resp.StatusCode != want {
			t.Errorf("NoCancel %v: got %s, want %d", noCancel, resp.Status, want)
		}
		if left := s.Uploads(); left != 0 && !noCancel {
			t.Errorf("got %d uploads after the end", left)
		}
	}
}

func TestTagPages(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts, PerPage: 2})
	i := image(t)
	var want []string
	for n := range 5 {
		want = append(want, fmt.Sprintf("t%d", n))
		if err := push(t, s, "workflow", gateway+":"+want[n], i); err != nil {
			t.Fatal(err)
		}
	}
	got := tags(t, s)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := s.Counts()[gateway].Requests["GET tags"]; n != 3 {
		t.Errorf("got %d pages, want 3", n)
	}
}

func TestCounts(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts})
	i := image(t)
	if err := push(t, s, "workflow", gateway+":main", i); err != nil {
		t.Fatal(err)
	}
	layers, err := i.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, _ := i.RawConfigFile()
	manifest, _ := i.RawManifest()
	want := int64(len(config) + len(manifest))
	for _, l := range layers {
		size, _ := l.Size()
		want += size
	}
	c := s.Counts()[gateway]
	if c.Received != want || c.Requests["PUT manifests"] != 1 || c.Requests["POST uploads"] != 3 {
		t.Errorf("got %+v, want %d bytes", c, want)
	}
	if s.Reset(); len(s.Counts()) != 0 {
		t.Errorf("got %v after a reset", s.Counts())
	}
}

func TestSecondaryLimit(t *testing.T) {
	s := start(t, ghcr.Options{Accounts: accounts, Secondary: 1, RateLimit: 2, RetryAfter: 1})
	var got []string
	for range 4 {
		resp, _ := get(t, s, "GET", "writer", "/user")
		got = append(got, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("X-RateLimit-Remaining"), " ", resp.Header.Get("Retry-After")))
	}
	if diff := cmp.Diff([]string{"403 2 1", "200 1 ", "200 0 ", "403 0 "}, got); diff != "" {
		t.Errorf("status, remaining, Retry-After (-want +got):\n%s", diff)
	}
}

func TestREST(t *testing.T) {
	s := start(t, ghcr.Options{
		Accounts: accounts, People: []string{"octocat"},
		Packages: []ghcr.Package{{Name: gateway, Repository: repository}, {Name: "kubernaut/open", Public: true}, {Name: "octocat/mine"}},
		Pulls:    []ghcr.PullRequest{{Repository: repository, Number: 1, State: "closed"}, {Repository: repository, Number: 2, State: "open"}},
	})
	for _, tc := range []struct {
		token, path string
		status      int
		part        string // of the body
	}{
		{"", "/user", 401, "Requires authentication"},
		{"old", "/user", 401, "Bad credentials"},
		{"writer", "/user", 200, "login:octocat"},
		{"workflow", "/user", 403, "not accessible by integration"},
		{"writer", "/users/octocat", 200, "type:User"},
		{"writer", "/users/kubernaut", 200, "type:Organization"},
		{"writer", "/orgs/kubernaut/packages?package_type=container", 200, "full_name:" + repository},
		{"writer", "/orgs/kubernaut/packages", 422, "package_type"},
		{"stranger", "/orgs/kubernaut/packages?package_type=container", 200, "visibility:public"},
		{"writer", "/users/kubernaut/packages?package_type=container", 404, ""},
		{"writer", "/orgs/kubernaut/packages/container/kubernaut%2Fgateway", 200, "visibility:private"},
		{"stranger", "/orgs/kubernaut/packages/container/kubernaut%2Fgateway", 404, "Package not found."},
		{"writer", "/orgs/kubernaut/packages/container/open/versions/7", 404, "Package version not found."},
		{"workflow", "/repos/kubernaut/kubernaut/pulls?state=all", 200, "number:1"},
		{"workflow", "/repos/kubernaut/kubernaut/pulls/1", 200, "state:closed"},
		{"workflow", "/repos/kubernaut/kubernaut/pulls/3", 404, "Not Found"},
		{"workflow", "/rate_limit", 200, "limit:5000"},
		{"writer", "/nowhere", 404, "Not Found"},
	} {
		resp, body := get(t, s, "GET", tc.token, tc.path)
		if text := fmt.Sprint(body); resp.StatusCode != tc.status || !strings.Contains(text, tc.part) {
			t.Errorf("%s as %s: got %s %s, want %d with %q", tc.path, tc.token, resp.Status, text, tc.status, tc.part)
		}
	}
	if resp, _ := get(t, s, "DELETE", "fork", "/orgs/kubernaut/packages/container/kubernaut%2Fgateway"); resp.StatusCode != 403 {
		t.Errorf("a fork deletes: got %s", resp.Status)
	}
	if resp, _ := get(t, s, "DELETE", "workflow", "/orgs/kubernaut/packages/container/kubernaut%2Fgateway"); resp.StatusCode != 204 {
		t.Errorf("deleting a package: got %s", resp.Status)
	}
	if _, there := s.Package(gateway); there {
		t.Error("a deleted package is there")
	}
}
