package registry

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// MODULE.bazel is Starlark without control flow whose calls bazel_dep(…) and module(…) hold no nested parentheses, so
// regular expressions read it whole.
var (
	comments   = regexp.MustCompile(`(?m)#.*$`)
	calls      = regexp.MustCompile(`(?sm)^\s*(bazel_dep|module)\(([^()]*)\)`)
	nameArg    = regexp.MustCompile(`\bname\s*=\s*"([^"]*)"`)
	versionArg = regexp.MustCompile(`,?\s*\bversion\s*=\s*"([^"]*)"`)
)

// Wanted returns the versions of each module that MODULE.bazel texts ask for or declare, sorted.
func Wanted(texts []string) map[string][]string {
	wanted := make(map[string][]string)
	for _, text := range texts {
		for _, c := range calls.FindAllStringSubmatch(comments.ReplaceAllString(text, ""), -1) {
			name, version := nameArg.FindStringSubmatch(c[2]), versionArg.FindStringSubmatch(c[2])
			if name != nil && version != nil && version[1] != "" {
				wanted[name[1]] = append(wanted[name[1]], version[1])
			}
		}
	}
	for name, versions := range wanted {
		slices.Sort(versions)
		wanted[name] = slices.Compact(versions)
	}
	return wanted
}

// WithVersion returns a MODULE.bazel text whose module(…) call carries version; registries must serve it so.
func WithVersion(text, version string) (string, error) {
	for _, at := range calls.FindAllStringSubmatchIndex(text, -1) {
		if text[at[2]:at[3]] != "module" {
			continue
		}
		args := strings.TrimRight(versionArg.ReplaceAllString(text[at[4]:at[5]], ""), ", \n\t")
		if trimmed := strings.TrimLeft(args, " \n\t"); strings.HasPrefix(trimmed, ",") {
			args = strings.TrimLeft(trimmed[1:], " \n\t")
		}
		return text[:at[4]] + args + ", version = \"" + version + "\"" + text[at[5]:], nil
	}
	return "", errors.New("MODULE.bazel has no module(…) call")
}
