//go:build !linux

package postgrestest

import (
	"errors"
	"os"
	"syscall"
)

// account is whom the server runs as; nil means the test's own user.
type account struct{ uid, gid int }

func unprivileged() (*account, error) {
	if os.Getuid() == 0 {
		return nil, errors.New("PostgreSQL does not run as root")
	}
	return nil, nil
}

func attributes(*account) *syscall.SysProcAttr { return nil }
