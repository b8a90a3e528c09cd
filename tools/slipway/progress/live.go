package progress

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// live draws the bars of running steps. With the last of them it leaves the terminal to whoever writes next, the test's
// output for instance: a bar that is cleared later would take a line of that with it.
type live struct {
	mu     sync.Mutex
	w      io.Writer
	bars   *mpb.Progress // nil while there is no bar
	open   map[*bar]bool
	closed bool
}

func newLive(w io.Writer) *live {
	return &live{w: w, open: map[*bar]bool{}}
}

// bar returns nil after close.
func (l *live) bar(name string, total int64) *bar {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	if l.bars == nil {
		l.bars = mpb.New(mpb.WithOutput(l.w), mpb.WithWidth(30), mpb.WithAutoRefresh())
	}
	b := &bar{live: l}
	left := mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR))
	if total > 0 {
		b.mpb = l.bars.New(total, mpb.BarStyle().Lbound("[").Rbound("]"), left, mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f"), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	} else {
		b.mpb = l.bars.New(0, mpb.SpinnerStyle(), left, mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	}
	l.open[b] = true
	return b
}

// write prints above the bars. It reports false when there are none.
func (l *live) write(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bars == nil {
		return false
	}
	_, err := l.bars.Write([]byte(line))
	return err == nil
}

func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	for b := range l.open {
		l.end(b)
	}
}

// end clears the bar, and waits for that when it is the last one. l.mu is held.
func (l *live) end(b *bar) {
	if !l.open[b] {
		return
	}
	delete(l.open, b)
	b.mpb.Abort(true)
	if len(l.open) == 0 {
		l.bars.Wait()
		l.bars = nil
	}
}

type bar struct {
	live *live
	mpb  *mpb.Bar
}

func (b *bar) add(bytes int64) { b.mpb.IncrInt64(bytes) }

func (b *bar) end() {
	b.live.mu.Lock()
	defer b.live.mu.Unlock()
	b.live.end(b)
}
