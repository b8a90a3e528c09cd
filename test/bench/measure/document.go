package measure

import (
	"bytes"
	"fmt"
	"os"
)

// UpdateDocument writes the section of a run between its suite's markers, and at the end of a document that has none:
//
//	<!-- bench:load -->
//	…
//	<!-- /bench:load -->
func UpdateDocument(path string, s Suite, r *Result) error {
	if r.Rounds < s.Needed() {
		return fmt.Errorf("updating %q: %d rounds are too few, %d are needed", path, r.Rounds, s.Needed())
	}
	document, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("updating document: %w", err)
	}
	var section bytes.Buffer
	if err := r.Markdown(&section, s); err != nil {
		return err
	}
	document, err = replaceSection(document, s.Name, section.Bytes())
	if err != nil {
		return fmt.Errorf("updating %q: %w", path, err)
	}
	return os.WriteFile(path, document, 0o644)
}

func replaceSection(document []byte, name string, section []byte) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- bench:%s -->\n", name), fmt.Appendf(nil, "<!-- /bench:%s -->\n", name)
	before, rest, found := bytes.Cut(document, begin)
	if !found {
		before, rest = append(bytes.TrimRight(document, "\n"), "\n\n"...), end
	}
	_, after, closed := bytes.Cut(rest, end)
	if !closed {
		return nil, fmt.Errorf("%q is not closed by %q", bytes.TrimSpace(begin), bytes.TrimSpace(end))
	}
	return bytes.Join([][]byte{before, begin, section, end, after}, nil), nil
}
