package measure

import (
	"strings"
	"testing"
)

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	for _, f := range machine(dir) {
		if f.Value == "" || f.Value == "unknown" {
			t.Errorf("%s is %q", f.Name, f.Value)
		}
		if strings.Contains(f.Value, dir) {
			t.Errorf("%s names a folder: %q", f.Name, f.Value)
		}
	}
}

func TestFilesystem(t *testing.T) {
	mounts := "22 1 254:0 / / rw - ext4 /dev/vda rw\n" +
		"23 22 0:5 / /var/cache rw shared:1 - tmpfs tmpfs rw\n" +
		"24 23 0:6 / /var/cache rw - xfs /dev/vdb rw\n"
	for dir, want := range map[string]string{"/": "ext4", "/var/cachex": "ext4", "/var/cache": "xfs", "/var/cache/a/b": "xfs"} {
		if got := filesystem(mounts, dir); got != want {
			t.Errorf("%s is on %s, want %s", dir, got, want)
		}
	}
}

func TestPeakMemory(t *testing.T) {
	const size = 64 << 20
	var page byte
	got, err := PeakMemory(func() error {
		data := make([]byte, size)
		for i := 0; i < len(data); i += 4096 {
			data[i] = 1
			page += data[i]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got < size || got > 3*size {
		t.Errorf("%d bytes, want about %d (%d)", got, size, page)
	}
}
