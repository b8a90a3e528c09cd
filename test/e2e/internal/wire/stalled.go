package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
)

// Stalled is a set of posts that have begun and do not end: each has sent its header and one byte of its body. The
// service is busy with them until Close.
type Stalled []net.Conn

// Stall opens n posts to path.
func (c *Client) Stall(ctx context.Context, n int, path string, header map[string]string) (Stalled, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return nil, err
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n", path, base.Host)
	for name, value := range header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	head.WriteString("\r\n{")
	var stalled Stalled
	for range n {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", base.Host)
		if err != nil {
			return nil, errors.Join(err, stalled.Close())
		}
		stalled = append(stalled, connection)
		if _, err := io.WriteString(connection, head.String()); err != nil {
			return nil, errors.Join(err, stalled.Close())
		}
	}
	return stalled, nil
}

// Close breaks all posts off.
func (s Stalled) Close() error {
	var errs []error
	for _, connection := range s {
		errs = append(errs, connection.Close())
	}
	return errors.Join(errs...)
}
