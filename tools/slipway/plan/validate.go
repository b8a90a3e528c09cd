package plan

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxTimeout keeps a typing error ("10h" for "10m" is fine, "10000h" is not) from holding a machine for ever.
const maxTimeout = 24 * time.Hour

// The variables that the runner itself hands to the test; see package suite.
var reservedEnv = []string{"KUBECONFIG", "E2E_NAMESPACE", "E2E_OUTPUT_DIR", "HOME", "PATH", "TMPDIR"}

var (
	// https://github.com/distribution/reference/blob/v0.6.0/regexp.go: one path component.
	component = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)
	// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: RFC 1123 label, RFC 1035 for Services.
	dnsLabel = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$`)
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (p Plan) validate() error {
	if err := checkLabel(p.Label); err != nil {
		return err
	}
	if !dnsLabel.MatchString(p.Name) {
		return fmt.Errorf("name must be lower-case letters, digits and dashes, got %q", p.Name)
	}
	if !dnsLabel.MatchString(p.Namespace) {
		return fmt.Errorf("namespace must be lower-case letters, digits and dashes, got %q", p.Namespace)
	}
	for _, check := range []func() error{p.validateImages, p.validateManifests, p.validateExpose, p.Cluster.validate, p.Test.validate} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) validateImages() error { return checkImages(p.Images) }

func checkLabel(label string) error {
	if !strings.HasPrefix(label, "//") && !strings.HasPrefix(label, "@") {
		return fmt.Errorf("label must be a Bazel label, got %q", label)
	}
	return nil
}

func checkImages(images []Image) error {
	seen := map[string]bool{}
	for i, image := range images {
		where := fmt.Sprintf("images[%d]", i)
		if !component.MatchString(image.Name) {
			return fmt.Errorf("%s: name must be a repository name in lower case, got %q", where, image.Name)
		}
		if seen[image.Name] {
			return fmt.Errorf("%s: image %q is there twice", where, image.Name)
		}
		seen[image.Name] = true
		if image.Label == "" {
			return fmt.Errorf("%s: label of image %q is empty", where, image.Name)
		}
		if err := checkPath(where+": descriptor", image.Descriptor); err != nil {
			return err
		}
		if image.Layout == "" {
			continue
		}
		if err := checkPath(where+": layout", image.Layout); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) validateManifests() error {
	seen := map[string]bool{}
	for i, m := range p.Manifests {
		where := fmt.Sprintf("manifests[%d]", i)
		if err := checkPath(where+": path", m.Path); err != nil {
			return err
		}
		if m.Short == "" {
			return fmt.Errorf("%s: short is empty", where)
		}
		if seen[m.Path] {
			return fmt.Errorf("%s: manifest %q is there twice", where, m.Short)
		}
		seen[m.Path] = true
	}
	return nil
}

func (p Plan) validateExpose() error {
	seen := map[string]bool{}
	for i, e := range p.Expose {
		where := fmt.Sprintf("expose[%d]", i)
		switch {
		case !dnsLabel.MatchString(e.Service):
			return fmt.Errorf("%s: service must be a Service's name, got %q", where, e.Service)
		case !dnsLabel.MatchString(e.Port):
			return fmt.Errorf("%s: port must be a Service port's name, got %q", where, e.Port)
		case !envName.MatchString(e.Env) || slices.Contains(reservedEnv, e.Env):
			return fmt.Errorf("%s: env must be a variable's name that the runner does not set itself, got %q", where, e.Env)
		case seen[e.Env]:
			return fmt.Errorf("%s: env %q is there twice", where, e.Env)
		}
		seen[e.Env] = true
	}
	return nil
}

func (c Cluster) validate() error {
	if err := checkPath("cluster: nodeImage", c.NodeImage); err != nil {
		return err
	}
	return checkPath("cluster: config", c.Config)
}

func (t Test) validate() error {
	if err := checkPath("test: binary", t.Binary); err != nil {
		return err
	}
	for name := range t.Env {
		if !envName.MatchString(name) || slices.Contains(reservedEnv, name) {
			return fmt.Errorf("test: env must name variables that the runner does not set itself, got %q", name)
		}
	}
	_, err := t.Limit()
	return err
}

// Limit is the suite's time limit, above 0 and at most a day.
func (t Test) Limit() (time.Duration, error) {
	d, err := time.ParseDuration(t.Timeout)
	if err != nil {
		return 0, fmt.Errorf("test: timeout must be a duration such as 10m, got %q", t.Timeout)
	}
	if d <= 0 || d > maxTimeout {
		return 0, fmt.Errorf("test: timeout must be above 0 and at most %s, got %q", maxTimeout, t.Timeout)
	}
	return d, nil
}

// checkPath accepts a normalized rlocation path (https://bazel.build/extending/rules#runfiles).
func checkPath(field, p string) error {
	if p == "" {
		return fmt.Errorf("%s is empty", field)
	}
	if path.IsAbs(p) || path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../") {
		return fmt.Errorf("%s must be a path below the runfiles, got %q", field, p)
	}
	return nil
}

func checkDigest(d string) error {
	hex, ok := strings.CutPrefix(d, "sha256:")
	if !ok {
		return fmt.Errorf("must be a SHA-256 digest, got %q", d)
	}
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return fmt.Errorf("must be sha256: and 64 lower-case hexadecimal digits, got %q", d)
	}
	return nil
}

// Check reports a blob that no content can have: a digest that is not one, a negative size.
func (b Blob) Check() error {
	if b.MediaType == "" {
		return errors.New("mediaType is empty")
	}
	if err := checkDigest(b.Digest); err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	if b.Size < 0 {
		return fmt.Errorf("size must not be negative, got %d", b.Size)
	}
	return nil
}
