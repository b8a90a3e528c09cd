package report

// Disk is what the run took of the machine's disks. Bytes are counted by the free space of file systems, whoever writes there, from
// Since on; folders are measured by walks.
type Disk struct {
	Since       string   `json:"since"` // the phase that the count begins with, "build", or "run" when nobody looked before it
	PeakBytes   int64    `json:"peakBytes"`
	PeakAt      float64  `json:"peakAt"`    // seconds from the start of the run
	PeakPhase   string   `json:"peakPhase"` // what ran then
	EndBytes    int64    `json:"endBytes"`
	BudgetBytes int64    `json:"budgetBytes,omitempty"` // of --disk-budget; absent without one
	Volumes     []Volume `json:"volumes"`
	Folders     []Folder `json:"folders"`
	Samples     []Sample `json:"samples"` // in the order of time; a long run keeps fewer of them, and always the peak
}

// Volume is the free space of one file system.
type Volume struct {
	Path       string `json:"path"` // one on it
	TotalBytes int64  `json:"totalBytes"`
	StartBytes int64  `json:"startFreeBytes"`
	LeastBytes int64  `json:"leastFreeBytes"`
	EndBytes   int64  `json:"endFreeBytes"`
}

// Folder is the size of a tree. Its readings are absent when it could not be measured; Reason then says why.
type Folder struct {
	Name        string   `json:"name"`
	Path        string   `json:"path"`
	Start       *Reading `json:"start,omitempty"`
	Peak        *Reading `json:"peak,omitempty"`
	End         *Reading `json:"end,omitempty"`
	Looks       int      `json:"looks"`
	CostSeconds float64  `json:"costSeconds"` // what measuring took
	Reason      string   `json:"reason,omitempty"`
}

// Reading is one size of a folder.
type Reading struct {
	Bytes int64   `json:"bytes"`
	At    float64 `json:"at"` // seconds from the start of the run
}

// Sample is one look at the machine.
type Sample struct {
	At        float64 `json:"at"`        // seconds from the start of the run; negative before it
	DiskBytes int64   `json:"diskBytes"` // taken since the count's start, all file systems together; negative when more was freed
	Network
}

// Network is what the machine's way out carried (the interfaces of its default routes), other programs included.
type Network struct {
	InBytes  int64 `json:"networkInBytes"`
	OutBytes int64 `json:"networkOutBytes"`
}

func (n Network) sub(m Network) Network {
	return Network{n.InBytes - m.InBytes, n.OutBytes - m.OutBytes}
}

func (n Network) add(m Network) Network {
	return Network{n.InBytes + m.InBytes, n.OutBytes + m.OutBytes}
}

// most is the greater of each.
func (n Network) most(m Network) Network {
	return Network{max(n.InBytes, m.InBytes), max(n.OutBytes, m.OutBytes)}
}

// Use is the disk that was taken since the count's start.
type Use struct {
	StartBytes int64  `json:"startBytes"`          // when the phase began
	PeakBytes  *int64 `json:"peakBytes,omitempty"` // absent when nobody could look while it ran
	EndBytes   int64  `json:"endBytes"`
}

func (u *Use) see(bytes int64) {
	u.EndBytes = bytes
	if u.PeakBytes != nil {
		*u.PeakBytes = max(*u.PeakBytes, bytes)
	}
}

// mostSamples bounds the report's size: a chart of 1000 points' width shows no more than half as many.
const mostSamples = 480

// thin keeps the higher one of every two samples, and the first and the last: the peak stays.
func thin(samples []Sample) []Sample {
	if len(samples) <= mostSamples {
		return samples
	}
	last := len(samples) - 1
	kept := []Sample{samples[0]}
	for i := 1; i < last; i += 2 {
		higher := samples[i]
		if i+1 < last && samples[i+1].DiskBytes > higher.DiskBytes {
			higher = samples[i+1]
		}
		kept = append(kept, higher)
	}
	return append(kept, samples[last])
}

// Watching is how the ledger looks at the machine.
type Watching struct {
	Since   string        // the phase that the count begins with
	Budget  int64         // bytes; 0: none
	Network bool          // samples have the network's counts
	Look    func() Sample // called whenever a phase begins or ends; it must not call the ledger
}

// Watch makes the ledger look at the machine from now on.
func (l *Ledger) Watch(w Watching) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watching = w
	if l.report.Disk == nil {
		l.report.Disk = &Disk{}
	}
	d := l.report.Disk
	d.Since, d.BudgetBytes, d.Volumes, d.Folders = w.Since, w.Budget, []Volume{}, []Folder{}
	l.see(w.Look())
}

// Before records what happened before the run: phases that have ended, and samples, which are in the order of time. It comes before
// Watch and Begin. Times are negative.
func (l *Ledger) Before(phases []Phase, samples []Sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range phases {
		p.Part = PartOf(p.Name)
		l.report.Phases, l.began = append(l.report.Phases, p), append(l.began, Network{})
		l.report.Before = max(l.report.Before, -p.Start)
	}
	l.report.Disk = &Disk{}
	for _, s := range samples {
		l.keep(s, phaseAt(phases, s.At))
	}
}

// phaseAt is the name of the phase that ran then.
func phaseAt(phases []Phase, at float64) string {
	for _, p := range phases {
		if p.Start <= at && at <= p.Start+p.Seconds {
			return p.Name
		}
	}
	return ""
}

// See records a look at the machine and returns what runs now, or ran last.
func (l *Ledger) See(s Sample) (running string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.see(s)
}

func (l *Ledger) see(s Sample) (running string) {
	s.At = seconds(l.Elapsed())
	idle := true
	for i := range l.report.Phases {
		p := &l.report.Phases[i]
		if p.State == Running || idle {
			running = p.title()
		}
		if p.State == Running {
			idle = false
			if p.Disk != nil {
				p.Disk.see(s.DiskBytes)
			}
		}
	}
	l.keep(s, running)
	return running
}

func (l *Ledger) keep(s Sample, running string) {
	d := l.report.Disk
	if len(d.Samples) == 0 || s.DiskBytes > d.PeakBytes {
		d.PeakBytes, d.PeakAt, d.PeakPhase = s.DiskBytes, s.At, running
	}
	d.EndBytes = s.DiskBytes
	d.Samples = thin(append(d.Samples, s))
}

// title tells the phases of several suites apart.
func (p Phase) title() string {
	if p.Suite == "" {
		return p.Name
	}
	return p.Name + " of " + p.Suite
}
