package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize reads "2GiB", "500MB", "1.5 GB" or a number of bytes.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTikb")
	unit, ok := map[string]float64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[text[len(digits):]]
	value, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if size := value * unit; ok && err == nil && size >= 1 && size < math.MaxInt64 {
		return int64(size), nil
	}
	return 0, fmt.Errorf("a size such as 2GiB or 500MB, got %q", text)
}

// roundUp is a size to type that is at least n.
func roundUp(n int64) string {
	if n <= 1<<30 {
		return fmt.Sprintf("%dMiB", n>>20+1)
	}
	return fmt.Sprintf("%.1fGiB", math.Ceil(float64(n)/(1<<30)*10)/10)
}
