package progress

// Prefixed puts the prefix before every line and every step's name, so that a person can tell concurrent work apart. An
// empty prefix changes nothing.
func Prefixed(r Reporter, prefix string) Reporter {
	if prefix == "" {
		return r
	}
	return prefixed{r, prefix}
}

type prefixed struct {
	Reporter
	prefix string
}

func (p prefixed) Step(name string, totalBytes int64) Step {
	return p.Reporter.Step(p.prefix+name, totalBytes)
}

func (p prefixed) Line(format string, args ...any) {
	p.Reporter.Line("%s"+format, append([]any{p.prefix}, args...)...)
}
