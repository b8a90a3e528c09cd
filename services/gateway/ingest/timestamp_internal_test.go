package ingest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// FuzzTimestamp checks that exactly the unix seconds from 5 min before to 2 min after now pass.
func FuzzTimestamp(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	for _, seed := range []string{
		"1800000000", "1799999700", "1799999699", "1800000120", "1800000121", "", "soon", "1.8e9", "-1800000000", "+1800000000", " 1800000000", "1_800_000_000",
		"9223372036854775807", "99999999999999999999999999999999999999999", "1' OR '1'='1", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		err := checkTimestamp(header, now)
		seconds, wrong := strconv.ParseInt(header, 10, 64)
		if fresh := wrong == nil && seconds >= now.Unix()-300 && seconds <= now.Unix()+120; fresh != (err == nil) {
			t.Fatalf("%q: got %v", header, err)
		}
		var refused *problem.Details
		if err != nil && (!errors.As(err, &refused) || refused.Status != 400 || len(refused.Detail) > 300) {
			t.Errorf("%q: got %v, want a short problem with 400", header, err)
		}
	})
}
