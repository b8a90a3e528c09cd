package delivery

import "testing"

// No address of a bridge: names, loopback, and what is not this machine's.
func TestBridgeHostsRefuses(t *testing.T) {
	for _, repository := range []string{"ghcr.io/o", "localhost:5001/k", "127.0.0.1:5000", "[::1]:5000/k", "192.0.2.1:5000/k"} {
		if got := BridgeHosts(repository); got != nil {
			t.Errorf("%q: got %v, want none", repository, got)
		}
	}
}
