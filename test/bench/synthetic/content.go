package synthetic

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
)

const (
	blockBytes = 64
	dictionary = 256 // blocks: 16 KiB, within the window of every compression
	freshOf16  = 4   // of 16 blocks so many are new, the others were there before: gzip makes 1 of 2.5, as of Go binaries
)

// content is an endless stream of bytes that depends on its seed alone and compresses as Go binaries do.
type content struct {
	random *rand.ChaCha8
	known  [dictionary][blockBytes]byte
	block  [blockBytes]byte
	rest   []byte // of block, not read yet
}

func newContent(seed uint64) *content {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	c := &content{random: rand.NewChaCha8(key)}
	for i := range c.known {
		c.random.Read(c.known[i][:]) // never fails
	}
	return c
}

// Read implements io.Reader. It fills p and never fails.
func (c *content) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(c.rest) == 0 {
			c.next()
		}
		copied := copy(p[n:], c.rest)
		c.rest = c.rest[copied:]
		n += copied
	}
	return len(p), nil
}

func (c *content) next() {
	choice := c.random.Uint64()
	if choice%16 < freshOf16 {
		c.random.Read(c.block[:])
	} else {
		c.block = c.known[choice>>8%dictionary]
	}
	c.rest = c.block[:]
}

var _ io.Reader = (*content)(nil)
