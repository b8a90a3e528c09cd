package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
)

const (
	askTimeout    = 30 * time.Second // for a node to say what it holds: 0.1 s on an idle machine
	importGrace   = 15 * time.Second // for an import to end by itself after its input was cut off
	unpackTimeout = 5 * time.Minute  // for an import to end after the whole archive: 1 GB took 31 s in all, on two busy cores
)

// sessionScript is all that a delivery runs in a node: it says what the node holds, reads a line with what to do, does it,
// and says which snapshots there are then. It is one exec, because an exec costs more than all the questions in it.
//
// A line is a verb, a number of bytes, and the digests of the layers whose content is to go. So many bytes of an archive
// follow "part", after which the script says that it is ready for another line, and "import", which is the last, as "drop"
// is. At the input's end instead of a line there is nothing to do. Images are named by -q: the full listing reads every manifest
// and complains about the content that we dropped. The socket tells containerd's runs apart. Dropped content takes disk
// until a garbage collection, which containerd may put off for long; nobody waits for the one that is started here.
const sessionScript = `set -e
echo '# run'; stat -c '%i %Z' /run/containerd/containerd.sock
echo '# began'; date +%FT%T
echo '# disk'; df -Pk /var/lib/containerd
echo '# images'; ctr -n k8s.io images ls -q
echo '# content'; ctr -n k8s.io content ls -q
echo '# snapshots'; ctr -n k8s.io snapshots --snapshotter overlayfs ls
echo '# end'
while read -r verb size layers || exit 0; do
if [ "$verb" != drop ]; then
head -c "$size" | ctr -n k8s.io images import --snapshotter=overlayfs - >/dev/null
fi
if [ -n "$layers" ]; then
ctr -n k8s.io content rm $layers >/dev/null || echo '# kept'
wait
(` + collectScript + `) >/dev/null 2>&1 &
fi
[ "$verb" = part ] || break
echo '# ready'; echo '# end'
done
echo '# snapshots'; ctr -n k8s.io snapshots --snapshotter overlayfs ls
echo '# end'`

// errSilent is a node that does not answer.
var errSilent = errors.New("the node does not answer")

// session is the script, running in one node. Its input is the sink.
type session struct {
	*sink
	node    cluster.Node
	answers *answers
	err     error // how the script ended; to be read when left is closed
	stop    context.CancelFunc
}

// openSession starts the script, which ends with its input. When ctx ends, the input does. A script that goes on for
// importGrace after its input was cut off is left to itself.
func openSession(ctx context.Context, node cluster.Node) *session {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{sink: newSink(), node: node, answers: newAnswers(), stop: stop}
	unwatch := context.AfterFunc(ctx, func() { s.fail(ctx.Err()) })
	go func() {
		defer stop()
		defer unwatch()
		s.err = said(node.Stream(running, s.sink, s.answers, "sh", "-c", sessionScript))
		close(s.left)
	}()
	go func() {
		select {
		case <-s.left:
		case <-s.abort:
			time.AfterFunc(importGrace, stop)
		}
	}()
	return s
}

// command tells the script what to do, without an archive. It is the only thing that is written.
func (s *session) command(verb string, drop []string) {
	s.chunks <- []byte(strings.Join(append([]string{verb}, drop...), " ") + "\n")
}

// next waits for the script's next listing.
func (s *session) next(timeout time.Duration) (listing, error) {
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case text := <-s.answers.full:
		return parseListing(text)
	case <-s.left:
	case <-late.C:
		s.fail(fmt.Errorf("%w for %s", errSilent, timeout))
		s.stop()
		<-s.left
	}
	select {
	case text := <-s.answers.full: // it came together with the end
		return parseListing(text)
	default:
		return listing{}, s.failure()
	}
}

// failure says why there is no listing. The script has ended.
func (s *session) failure() error {
	if s.aborted() {
		return s.cause
	}
	if s.err == nil {
		return errCutOff
	}
	return s.err
}

// wait waits for a script whose input has ended and that has said everything.
func (s *session) wait() {
	defer time.AfterFunc(importGrace, s.stop).Stop()
	<-s.left
}

// answers is the script's output: whole listings.
type answers struct {
	full chan string
	text bytes.Buffer // since the last of them
}

func newAnswers() *answers { return &answers{full: make(chan string, 2)} } // as many as come without being asked for

// Write implements io.Writer.
func (a *answers) Write(p []byte) (int, error) {
	a.text.Write(p)
	for {
		end := bytes.Index(a.text.Bytes(), []byte(listingEnd))
		if end < 0 {
			return len(p), nil
		}
		select {
		case a.full <- string(a.text.Next(end + len(listingEnd))):
		default:
			return 0, errors.New("the node says more than it was asked")
		}
	}
}

// said is what a command in a node said last of its failure; the command itself may be a long script.
func said(err error) error {
	var failed *cluster.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	if failed.Stderr == "" {
		return failed.Err
	}
	return fmt.Errorf("%s (%w)", failed.Stderr[strings.LastIndexByte(failed.Stderr, '\n')+1:], failed.Err)
}
