//go:build !linux

package suite

import (
	"errors"
	"os"
)

// inMemory is not possible.
func inMemory() (*os.File, error) { return nil, errors.ErrUnsupported }
