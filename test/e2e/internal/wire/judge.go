package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/services/api"
)

// Problem returns the answer's RFC 7807 body. The error tells how the answer differs from a whole problem with this status
// whose instance is the path.
func (r Response) Problem(status int, path string) (api.Problem, error) {
	var got api.Problem
	if r.Status != status || r.ContentType != api.ProblemContentType {
		return got, fmt.Errorf("got %d %q %s, want %d %q", r.Status, r.ContentType, r.Body, status, api.ProblemContentType)
	}
	if err := r.JSON(&got); err != nil {
		return got, err
	}
	path, _, _ = strings.Cut(path, "?")
	if !strings.HasPrefix(got.Type, "https://kubernaut.ai/problems/") || got.Title == "" || got.Status != status || got.Instance != path {
		return got, fmt.Errorf("got problem %+v, want type, title, status %d and instance %q", got, status, path)
	}
	return got, nil
}

// Metric returns the sum of a metric's series that have the label, written as in category="gateway"; an empty label takes
// all. found is false when there is no such series.
func (r Response) Metric(name, label string) (sum float64, found bool) {
	series := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `(?:\{([^}]*)\})? (\S+)$`)
	for _, match := range series.FindAllStringSubmatch(r.Body, -1) {
		value, err := strconv.ParseFloat(match[2], 64)
		if err != nil || !strings.Contains(match[1], label) {
			continue
		}
		sum, found = sum+value, true
	}
	return sum, found
}
