package cluster

import (
	"context"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// here is this machine as a node.
type here struct{ fakeNode }

func (here) Exec(ctx context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	return exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
}

func TestReachWaitsForAListener(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	listening := make(chan error, 1)
	go func() {
		time.Sleep(300 * time.Millisecond)
		l, err := net.Listen("tcp4", address)
		if err == nil {
			defer l.Close()
			conn, _ := l.Accept()
			conn.Close()
		}
		listening <- err
	}()
	got, err := Reach(t.Context(), []Node{here{}}, []string{address})
	if err != nil || len(got) > 0 {
		t.Errorf("got %q, %v; want all reachable", got, err)
	}
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
}

// The nodes' answers are put together.
func TestReachNamesTheOthers(t *testing.T) {
	got, err := Reach(t.Context(), []Node{fakeAnswer{answer: "b:1\na:1\n"}, fakeAnswer{answer: "a:1\n"}}, []string{"a:1", "b:1", "c:1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a:1", "b:1"}, got); diff != "" {
		t.Errorf("unreachable (-want +got):\n%s", diff)
	}
}

type fakeAnswer struct {
	fakeNode
	answer string
}

func (f fakeAnswer) Exec(context.Context, io.Reader, ...string) ([]byte, error) {
	return []byte(f.answer), nil
}
