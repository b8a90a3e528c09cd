package registry

import (
	"errors"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Describe is an error of a registry's client as one sentence: the status and what the registry says, or why it cannot be
// spoken to. It leaves URLs out, whose query is a credential with some registries.
func Describe(err error) string {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return statusText(answer.StatusCode, diagnostics(answer))
	}
	return innermost(err).Error()
}

// RetryAfter is source.RetryAfter, for packages that read no blobs.
func RetryAfter(value string, fallback time.Duration) time.Duration {
	return source.RetryAfter(value, fallback)
}
