package measure

import (
	"fmt"
	"runtime/debug"
)

// PeakMemory runs do and returns by how many bytes the memory of this process was above its level before, at the highest.
// Programs that do starts are not in it.
func PeakMemory(do func() error) (bytes int64, err error) {
	debug.FreeOSMemory() // else an earlier case's garbage counts as the level before
	if err := resetHighWater(); err != nil {
		return 0, fmt.Errorf("measuring memory: %w", err)
	}
	before, err := resident("VmRSS")
	if err != nil {
		return 0, fmt.Errorf("measuring memory: %w", err)
	}
	if err := do(); err != nil {
		return 0, err
	}
	peak, err := resident("VmHWM")
	if err != nil {
		return 0, fmt.Errorf("measuring memory: %w", err)
	}
	return max(peak-before, 0), nil
}
