package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Change is what a new service does to a workspace: new files, and the changed list of suites as the last.
func (s Service) Change(workspace string) ([]File, error) {
	for _, folder := range s.folders() {
		if _, err := os.Lstat(filepath.Join(workspace, folder)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s exists", folder)
		}
	}
	list, err := os.ReadFile(filepath.Join(workspace, ListPath))
	if err != nil {
		return nil, fmt.Errorf("reading the list of suites: %w", err)
	}
	if list, err = s.addSuite(list); err != nil {
		return nil, fmt.Errorf("adding a suite: %w", err)
	}
	files, err := s.Files()
	return append(files, File{Path: ListPath, Data: list}), err
}

// folders are those that only the service has.
func (s Service) folders() []string {
	return []string{filepath.Join("services", s.Name), filepath.Join("test", "e2e", s.Name)}
}

// Write makes the change. After an error the workspace is as it was.
func (s Service) Write(workspace string, change []File) error {
	// On the workspace's own file system, so that moving is renaming.
	stage, err := os.MkdirTemp(workspace, ".newservice-")
	if err != nil {
		return fmt.Errorf("making a folder to write into: %w", err)
	}
	err = write(stage, change)
	if err == nil {
		// The list comes last: as long as it does not name the suite, Bazel does not look for it.
		err = move(stage, workspace, append(s.folders(), filepath.FromSlash(ListPath)))
	}
	return errors.Join(err, os.RemoveAll(stage))
}

func write(dir string, files []File) error {
	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// move renames paths of one folder into another, all or none. Only the last may exist there.
func move(from, to string, paths []string) error {
	for i, path := range paths {
		err := os.Rename(filepath.Join(from, path), filepath.Join(to, path))
		if err == nil {
			continue
		}
		errs := []error{err}
		for _, moved := range paths[:i] {
			errs = append(errs, os.Rename(filepath.Join(to, moved), filepath.Join(from, moved)))
		}
		return errors.Join(errs...)
	}
	return nil
}
