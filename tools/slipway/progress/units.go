package progress

import (
	"fmt"
	"time"
)

// Bytes is n in decimal units: "0 B", "999 B", "5.8 MB".
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(-n)
	}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	for i, unit := range units {
		value /= 1000
		if value < 999.95 || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
	}
	panic("unreachable")
}

// Seconds is d as a person reads it: "0.2 s", "12.3 s", "2 min 05 s".
func Seconds(d time.Duration) string {
	if d < 99950*time.Millisecond {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	s := int64(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d min %02d s", s/60, s%60)
}

// Count is n with its noun: "1 blob", "2 blobs".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
