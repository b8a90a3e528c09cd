package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/notification/message"
)

// Format is the form of a file.
type Format string

// The formats; each is its files' suffix, too.
const (
	JSON Format = "json"
	YAML Format = "yaml"
)

// File writes each message into a file of its own, which only this process's user may read.
type File struct {
	// Dir must exist.
	Dir    string
	Format Format
}

// maxName leaves room for a UID and a suffix in a file's name of at most 255 bytes. Objects' names have up to 253.
const maxName = 200

// Deliver writes the file <name>.<uid>.<format>. It appears under this name only when it is whole, and a second delivery of
// the same message replaces it.
func (f File) Deliver(_ context.Context, m message.Message, _ string) error {
	content, err := f.encode(m)
	if err != nil {
		return permanent("encoding the message: %w", err)
	}
	name := fmt.Sprintf("%s.%s.%s", m.Name[:min(len(m.Name), maxName)], m.UID, f.Format)
	if err := write(filepath.Join(f.Dir, name), content); err != nil {
		return fmt.Errorf("writing the message's file: %w", err)
	}
	return nil
}

func (f File) encode(m message.Message) ([]byte, error) {
	if f.Format == YAML {
		return yaml.Marshal(m)
	}
	content, err := json.MarshalIndent(m, "", "  ")
	return append(content, '\n'), err
}

// write makes the file atomically. CreateTemp gives it the mode 0600.
func write(path string, content []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
