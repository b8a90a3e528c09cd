package workflow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// readOutputs reads what a step has written to GITHUB_OUTPUT and empties the file for the next one.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-output-parameter
func readOutputs(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a step's outputs: %w", err)
	}
	outputs, err := parseOutputs(string(data))
	if err != nil {
		return nil, fmt.Errorf("reading a step's outputs: %w", err)
	}
	return outputs, os.WriteFile(path, nil, 0o600)
}

// parseOutputs takes "name=value" and "name<<END", lines, "END".
func parseOutputs(text string) (map[string]any, error) {
	outputs := map[string]any{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		name, value, single := strings.Cut(lines[i], "=")
		key, end, several := strings.Cut(lines[i], "<<")
		switch {
		case several && (!single || len(key) < len(name)):
			var block []string
			for i++; i < len(lines) && lines[i] != end; i++ {
				block = append(block, lines[i])
			}
			if i == len(lines) {
				return nil, fmt.Errorf("%q has no end %q", key, end)
			}
			outputs[key] = strings.Join(block, "\n")
		case single:
			outputs[name] = value
		default:
			return nil, fmt.Errorf("%q is neither name=value nor name<<END", lines[i])
		}
	}
	return outputs, nil
}
