package registry

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A registry that stays connected and takes no more bytes holds nobody for ever.
func TestDialGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // whose queue accepts, and who reads nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*impatient).limit = 100 * time.Millisecond
	chunk := make([]byte, 1<<20)
	for range 1 << 10 { // more than the system buffers
		if _, err = conn.Write(chunk); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want %v", err, os.ErrDeadlineExceeded)
	}
}
