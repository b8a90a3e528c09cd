// Package bearer puts the pod's ServiceAccount token on requests to the platform's own services.
//
// The token is read from its file for every request, because the kubelet replaces it while the process runs.
package bearer

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

// DefaultTokenFile is where the kubelet projects the pod's ServiceAccount token.
const DefaultTokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// Transport sends requests over http.DefaultTransport with the token of a file. Without the file nothing is sent. It is
// safe for concurrent use.
type Transport struct {
	// TokenFile holds the token; empty means DefaultTokenFile.
	TokenFile string
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	file := t.TokenFile
	if file == "" {
		file = DefaultTokenFile
	}
	token, err := os.ReadFile(file)
	if err != nil {
		if request.Body != nil {
			request.Body.Close() // as every RoundTripper must
		}
		return nil, fmt.Errorf("reading token: %w", err)
	}
	authorized := request.Clone(request.Context())
	authorized.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return http.DefaultTransport.RoundTrip(authorized)
}
