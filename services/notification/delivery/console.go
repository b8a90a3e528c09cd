package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/kubernaut/kubernaut/services/notification/message"
)

// Console writes each message as one line of JSON, {"notification": …}. The service's log shares the stream; its lines have no
// such field.
type Console struct {
	mu  sync.Mutex
	out io.Writer
}

// NewConsole returns a console on out, in production os.Stdout, whose single writes do not mix with those of the log.
func NewConsole(out io.Writer) *Console { return &Console{out: out} }

// Deliver writes the line in one piece.
func (c *Console) Deliver(_ context.Context, m message.Message, _ string) error {
	line, err := json.Marshal(map[string]message.Message{"notification": m})
	if err != nil {
		return permanent("encoding the message: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing to the console: %w", err)
	}
	return nil
}
