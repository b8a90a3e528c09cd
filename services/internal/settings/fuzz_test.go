package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// FuzzReader checks that every read is in its range or an error, and that no error quotes what may hold a password.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "8080", "65536", "-1", "1e3", "true", "maybe", "30s", "9999999h", "-5m", "http://store:8080", "ftp://x", "http://u:hunter2@store", "http://u:hunter2@store:port",
		"//u:hunter2@store", "http://[::1", "http://%zz", "a\nb", "\x00", "x'; DROP TABLE audit_events; --",
	} {
		f.Add(seed, "--key="+seed)
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, value, argument string) {
		r := settings.New(func(string) (string, bool) { return value, true }, argument)
		if got := r.Port("KEY", 8080); got < 1 || got > 65535 {
			t.Errorf("port: got %d", got)
		}
		if got := r.Duration("KEY", time.Minute); got <= 0 {
			t.Errorf("duration: got %s", got)
		}
		r.Bool("KEY", true)

		urls := settings.New(func(string) (string, bool) { return value, true })
		urls.URL("KEY", "http://fallback")
		if err := urls.Err(); err != nil && strings.Contains(value, "hunter2@") && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error quotes the password: %v", value, err)
		}
	})
}
