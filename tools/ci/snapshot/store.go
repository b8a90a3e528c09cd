package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Store keeps snapshots in a folder, one file of some 45 kB for each. It is safe for concurrent use, also by several
// processes: files appear as a whole.
type Store struct {
	Dir string // need not exist; empty keeps nothing
}

// Load returns the snapshot that was saved under the key. One that is not there, or that another version of this program
// wrote, is not known.
func (s Store) Load(key string) (found Snapshot, known bool) {
	data, err := os.ReadFile(s.path(key))
	if err != nil || s.Dir == "" || json.Unmarshal(data, &found) != nil || found.Version != Version {
		return Snapshot{}, false
	}
	return found, true
}

// Save keeps the snapshot.
func (s Store) Save(key string, taken Snapshot) error {
	if s.Dir == "" {
		return nil
	}
	data, err := json.Marshal(taken)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("keeping a snapshot: %w", err)
	}
	f, err := os.CreateTemp(s.Dir, "new-")
	if err != nil {
		return fmt.Errorf("keeping a snapshot: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path(key))
	}
	if err != nil {
		err = fmt.Errorf("keeping a snapshot: %w", errors.Join(err, ignoreAbsent(os.Remove(f.Name()))))
	}
	return err
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s Store) path(key string) string { return filepath.Join(s.Dir, key+".json") }
