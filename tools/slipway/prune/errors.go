package prune

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// Errors of a Store that end one deletion alone.
var (
	ErrGone        = errors.New("it was not there any more")
	ErrMoved       = errors.New("its tags have changed meanwhile")
	ErrUnsupported = errors.New("the registry cannot remove a tag alone")
)

// StopError ends a run: the credentials do not suffice, the registry does not delete, or it wants to be left alone for
// longer than the run may wait.
type StopError struct {
	err        error
	everywhere bool
}

// Everywhere reports that runs of the same registry's other repositories would end so, too. A token may have the right to one
// package of GitHub's and not to the next.
func (e *StopError) Everywhere() bool { return e.everywhere }

func stopEverywhere(err error) error { return &StopError{err, true} }

func stopHere(err error) error { return &StopError{err, false} }

func (e *StopError) Error() string { return e.err.Error() }
func (e *StopError) Unwrap() error { return e.err }

// explain is an error of the registry's client as one sentence without URLs. doing is "deleting from ghcr.io/o/a".
func explain(doing, host string, err error) error {
	var wait *WaitError
	var done *StopError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &done):
		return done
	case errors.Is(err, context.Canceled):
		return stopEverywhere(fmt.Errorf("%s: %w", doing, context.Canceled))
	case errors.As(err, &wait):
		return wait.stop(doing)
	}
	text := fmt.Errorf("%s: %s", doing, registry.Describe(err))
	switch status(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return stopHere(fault.New(fault.Delivery, text, "docker login "+host))
	case http.StatusTooManyRequests:
		return stopEverywhere(fault.New(fault.Delivery, text, "sleep 60"))
	case http.StatusMethodNotAllowed:
		return stopEverywhere(fault.New(fault.Delivery, text, "REGISTRY_STORAGE_DELETE_ENABLED=true registry serve config.yml"))
	}
	if network := net.Error(nil); errors.As(err, &network) {
		return stopEverywhere(text)
	}
	return text
}

// status is the answer's, 0 when there was none.
func status(err error) int {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// hostOf is the registry's host and port.
func hostOf(repository string) string {
	host, _, _ := strings.Cut(repository, "/")
	return host
}

// checkTags refuses what a registry must not have: it would end up in addresses and on terminals.
func checkTags(doing string, tags []string) error {
	for _, tag := range tags {
		if !plan.IsTag(tag) {
			return fmt.Errorf("%s: %q is no tag", doing, tag)
		}
	}
	return nil
}
