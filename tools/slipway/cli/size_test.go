package cli

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"2GiB": 2 << 30, "500MB": 500e6, "1.5GB": 1.5e9, "1.5 GB": 1.5e9, "64KiB": 64 << 10, "10kB": 10000, "10KB": 10000, "3TB": 3e12, "1TiB": 1 << 40, "4096": 4096, "7B": 7, "2MiB": 2 << 20,
		"": -1, "GB": -1, "0": -1, "0GB": -1, "-1GB": -1, "2XB": -1, "2Gi": -1, "2gb": -1, "NaN": -1, "inf": -1, "1e30GB": -1, "2GB2": -1, "0.5B": -1,
	} {
		got, err := parseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

// What is hinted at is enough and can be typed.
func TestRoundUp(t *testing.T) {
	for n, want := range map[int64]string{1: "1MiB", 5 << 20: "6MiB", 1<<30 + 1: "1.1GiB", 3_300_000_000: "3.1GiB"} {
		got := roundUp(n)
		size, err := parseSize(got)
		if got != want || err != nil || size < n {
			t.Errorf("roundUp(%d) = %q (%d, %v), want %q", n, got, size, err, want)
		}
	}
}
