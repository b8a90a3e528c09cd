// Package posts speaks with the suites' webhook receiver: what was posted to it, and how it answers.
package posts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

// Receiver is a deployed receiver.
type Receiver struct {
	Service *wire.Client
}

// URL returns where programs in the receiver's own namespace post to.
func URL(path string) string { return "http://" + inbox.Service + ":8080" + path }

// UntrustedURL is URL over TLS, with a certificate that nobody trusts.
func UntrustedURL(path string) string { return "https://" + inbox.Service + ":8443" + path }

// Program sets how posts to a path are answered.
func (r Receiver) Program(ctx context.Context, program inbox.Program) error {
	body, err := json.Marshal(program)
	if err != nil {
		return fmt.Errorf("encoding the program of %s: %w", program.Path, err)
	}
	_, err = r.Service.Want(ctx, http.StatusOK, wire.Request{Method: http.MethodPost, Path: "/program", Body: string(body)})
	return err
}

// To returns what was posted to a path so far, the oldest first.
func (r Receiver) To(ctx context.Context, path string) ([]inbox.Request, error) {
	response, err := r.Service.Want(ctx, http.StatusOK, wire.Request{Path: "/requests?path=" + url.QueryEscape(path)})
	if err != nil {
		return nil, err
	}
	var found []inbox.Request
	return found, response.JSON(&found)
}
