package disk

import (
	"context"
	"slices"
	"sync"
	"time"
)

// share: walks take at most one part in so many of the time.
const share = 10

// walkInterval is the least time between two walks of a folder.
const walkInterval = 2 * time.Second

// Folder is what a Walker measures.
type Folder struct {
	Name string // unique: "output base"
	Path string // for people; may be of another machine, as in a node
	// Size measures it, in bytes. It ends early when ctx does.
	Size func(ctx context.Context) (int64, error)
	// Still: nothing of this run writes there, so that one walk does.
	Still bool
	// First is a reading of somebody else, before this Walker; nil: none.
	First *Reading
}

// Reading is one size.
type Reading struct {
	Bytes int64
	At    time.Time
}

// Growth is what became of a folder. Start, Peak and End are nil when it was never measured; Reason then says why.
type Growth struct {
	Folder
	Start, Peak, End *Reading
	Looks            int           // walks that succeeded
	Cost             time.Duration // of all walks
	Reason           string        // why the last walk gave no size; "" when it did
}

// Grown is the bytes between the first and the last reading, 0 without any.
func (g Growth) Grown() int64 {
	if g.End == nil {
		return 0
	}
	return g.End.Bytes - g.Start.Bytes
}

// Walker measures folders again and again. It is safe for concurrent use.
type Walker struct {
	now   func() time.Time
	start time.Time
	wake  chan struct{}

	walking sync.Mutex // one walk at a time
	mu      sync.Mutex
	items   []*item
	spent   time.Duration // in walks but the first of each folder
}

type item struct {
	Growth
	tried time.Time
	last  time.Duration
	done  bool
}

// NewWalker returns a Walker that measures nothing yet. now is the clock, time.Now when nil.
func NewWalker(now func() time.Time) *Walker {
	if now == nil {
		now = time.Now
	}
	return &Walker{now: now, start: now(), wake: make(chan struct{}, 1)}
}

// Add measures a folder from now on. A second one of the same name is ignored.
func (w *Walker) Add(folder Folder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.items, func(i *item) bool { return i.Name == folder.Name }) {
		return
	}
	i := &item{Growth: Growth{Folder: folder}}
	if folder.First != nil {
		i.see(*folder.First)
	}
	w.items = append(w.items, i)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Mode says which folders a round measures.
type Mode int

const (
	Due        Mode = iota // those whose interval has passed
	Affordable             // the interval does not matter, the share of the time does
	All                    // also still ones, whatever it takes
)

// Run measures what is due until ctx ends.
func (w *Walker) Run(ctx context.Context) {
	ticker := time.NewTicker(walkInterval / 4)
	defer ticker.Stop()
	for {
		w.Round(ctx, Due)
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-ticker.C:
		}
	}
}

// Round measures folders, and returns when they are measured or ctx ends.
func (w *Walker) Round(ctx context.Context, mode Mode) {
	w.walking.Lock()
	defer w.walking.Unlock()
	w.mu.Lock()
	items := slices.Clone(w.items)
	w.mu.Unlock()
	for _, i := range items {
		if ctx.Err() != nil {
			return
		}
		if w.due(i, mode) {
			w.walk(ctx, i)
		}
	}
}

// Settle ends the measuring of a folder that is about to be deleted; its last reading stays.
func (w *Walker) Settle(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.items {
		if i.Name == name {
			i.done = true
		}
	}
}

func (w *Walker) due(i *item, mode Mode) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case i.done:
		return false
	case mode == All || i.tried.IsZero():
		return true
	case i.Still && i.Looks > 0:
		return false
	case mode == Due && w.now().Sub(i.tried) < max(walkInterval, share*i.last):
		return false
	}
	return share*(w.spent+i.last) <= w.now().Sub(w.start)
}

func (w *Walker) walk(ctx context.Context, i *item) {
	begin := w.now()
	size, err := i.Size(ctx)
	end := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	i.last = end.Sub(begin)
	if !i.tried.IsZero() {
		w.spent += i.last
	}
	i.tried, i.Cost = end, i.Cost+i.last
	if ctx.Err() != nil { // cut off: says nothing
		return
	}
	if err != nil {
		i.Reason = err.Error()
		return
	}
	i.Reason, i.Looks = "", i.Looks+1
	i.see(Reading{size, end})
}

func (i *item) see(r Reading) {
	if i.Start == nil {
		i.Start, i.Peak = &r, &r
	}
	if r.Bytes > i.Peak.Bytes {
		i.Peak = &r
	}
	i.End = &r
}

// Growths returns what became of the folders, in the order in which they were added.
func (w *Walker) Growths() []Growth {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Growth
	for _, i := range w.items {
		list = append(list, i.Growth)
	}
	return list
}
