package bazelrc

import (
	"slices"
	"strings"
)

// expander puts configurations in the place of --config.
type expander struct {
	options  map[string][]option
	commands []string // from the most general to the most special
	open     []string // configurations that are being expanded
}

// all returns the options of a command, and those of Config after them.
func (e *expander) all() ([]option, error) {
	options, err := e.expand("")
	if err != nil {
		return nil, err
	}
	last, err := e.config(option{}, Config)
	return append(options, last...), err
}

// expand returns the options of all commands with the suffix: "" or ":ci".
func (e *expander) expand(suffix string) ([]option, error) {
	var list []option
	for _, command := range e.commands {
		words := e.options[command+suffix]
		for i := 0; i < len(words); i++ {
			name, isConfig := strings.CutPrefix(words[i].word, "--config=")
			if words[i].word == "--config" && i+1 < len(words) {
				i++
				name, isConfig = words[i].word, true
			}
			if !isConfig {
				list = append(list, words[i])
				continue
			}
			expanded, err := e.config(words[i], name)
			if err != nil {
				return nil, err
			}
			list = append(list, expanded...)
		}
	}
	return list, nil
}

func (e *expander) config(at option, name string) ([]option, error) {
	if slices.Contains(e.open, name) {
		return nil, at.errorf("--config=%s leads to itself", name)
	}
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	return e.expand(":" + name)
}
