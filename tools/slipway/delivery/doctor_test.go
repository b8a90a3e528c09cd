package delivery

import "testing"

// The login of a registry goes to nobody else: GITHUB_API_URL may be an Enterprise server's.
func TestAPIOf(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"GITHUB_API_URL": "https://github.example/api/v3"}[name]
	}
	for _, tc := range []struct{ flag, chosen, want string }{
		{"", "ghcr.io/kubernaut/kubernaut", "https://api.github.com"},
		{"", "registry.example/k", ""},
		{"", "github.example/k", ""},
		{"https://github.example/api/v3", "containers.github.example/k", "https://github.example/api/v3"},
	} {
		d := diagnosis{doctorOptions: doctorOptions{api: tc.flag}, getenv: getenv}
		if got := d.apiOf(tc.chosen); got != tc.want {
			t.Errorf("%s with --api=%s: got %q, want %q", tc.chosen, tc.flag, got, tc.want)
		}
	}
}
