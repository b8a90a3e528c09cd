package progress

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// live draws the bars of running steps.
type live struct {
	mu     sync.Mutex
	bars   *mpb.Progress
	open   map[*bar]bool
	closed bool
}

func newLive(w io.Writer) *live {
	return &live{bars: mpb.New(mpb.WithOutput(w), mpb.WithWidth(30), mpb.WithAutoRefresh()), open: map[*bar]bool{}}
}

// bar returns nil after close.
func (l *live) bar(name string, total int64) *bar {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
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

// write prints above the bars. It reports false when the bars are gone.
func (l *live) write(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
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
		b.mpb.Abort(true)
	}
	l.bars.Wait()
}

type bar struct {
	live *live
	mpb  *mpb.Bar
}

func (b *bar) add(bytes int64) { b.mpb.IncrInt64(bytes) }

func (b *bar) end() {
	b.live.mu.Lock()
	defer b.live.mu.Unlock()
	delete(b.live.open, b)
	b.mpb.Abort(true)
}
