package source

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// CorruptError is a blob whose bytes are not what its digest and size say. Reading it again from the same source does not
// help.
type CorruptError struct {
	Blob    plan.Blob
	Problem string
	Label   string // of the image; empty when nobody knows
	Source  string // the name in the chain; empty when the chain tells it otherwise, or there is none
	Again   bool   // who opens the blob again gets it from another source, or hears that none is left
}

// Command builds the blob anew on this machine, whatever a cache or an earlier build says that it is.
func (e *CorruptError) Command() string {
	return "tools/bazelw clean && tools/bazelw build --noremote_accept_cached " + cmp.Or(e.Label, "<image>")
}

func (e *CorruptError) Error() string {
	where := ""
	if e.Source != "" {
		where = " (" + e.Source + ")"
	}
	return fmt.Sprintf("blob %s is corrupt: %s%s", e.Blob.Digest, e.Problem, where)
}

// Repeatable reports whether err is of a reader whose user should open the blob again, after wrong bytes of one source of
// several.
func Repeatable(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt) && corrupt.Again
}

// Verify reads r and holds it against the blob's digest and size on the way. The last bytes of a blob that is wrong are
// never returned, so that a receiver which counts bytes cannot take it for complete; bytes beyond the size never are.
// Closing the reader closes r.
func Verify(r io.ReadCloser, blob plan.Blob) io.ReadCloser {
	return &verifier{r: r, blob: blob, hash: sha256.New(), left: blob.Size}
}

type verifier struct {
	r    io.ReadCloser
	blob plan.Blob
	hash hash.Hash
	left int64
	err  error // sticky; io.EOF after a blob that is right
}

func (v *verifier) Close() error { return v.r.Close() }

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil || len(p) == 0 {
		return 0, v.err
	}
	if v.left == 0 { // only for a blob of no bytes: otherwise the check ran with the last of them
		v.err = v.finish()
		return 0, v.err
	}
	n, err := v.r.Read(p[:min(int64(len(p)), v.left)])
	v.hash.Write(p[:n])
	v.left -= int64(n)
	switch {
	case v.left == 0:
		if v.err = v.finish(); v.err != io.EOF {
			return 0, v.err
		}
		return n, nil
	case errors.Is(err, io.EOF):
		v.err = v.corrupt("%d bytes of %d", v.blob.Size-v.left, v.blob.Size)
		return 0, v.err
	case err != nil:
		v.err = fmt.Errorf("reading blob %s: %w", v.blob.Digest, err)
	}
	return n, v.err
}

// finish runs after the last byte: nothing may follow, and the digest must be right. It returns io.EOF when all is well.
func (v *verifier) finish() error {
	var extra [1]byte
	if n, err := io.ReadFull(v.r, extra[:]); n > 0 {
		return v.corrupt("more than %d bytes", v.blob.Size)
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading blob %s: %w", v.blob.Digest, err)
	}
	if got := fmt.Sprintf("sha256:%x", v.hash.Sum(nil)); got != v.blob.Digest {
		return v.corrupt("its bytes have the digest %s", got)
	}
	return io.EOF
}

func (v *verifier) corrupt(format string, args ...any) error {
	return &CorruptError{Blob: v.blob, Problem: fmt.Sprintf(format, args...)}
}
