package bazelrc

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// setter gives the flags their meaning (https://bazel.build/reference/command-line-reference).
type setter struct {
	files    Files
	remote   source.Cache
	disk     string
	executor string // --remote_executor, which is also the cache when nothing else is
}

// flagSet says what a flag's value does.
type flagSet map[string]func(s *setter, at option, value string) error

// valued are flags with a value, in the same word or the next.
var valued = flagSet{
	"disk_cache":                     text(func(s *setter) *string { return &s.disk }),
	"remote_cache":                   text(func(s *setter) *string { return &s.remote.Endpoint }),
	"remote_executor":                text(func(s *setter) *string { return &s.executor }),
	"remote_instance_name":           text(func(s *setter) *string { return &s.remote.Instance }),
	"tls_certificate":                text(func(s *setter) *string { return &s.remote.CA }),
	"tls_client_certificate":         text(func(s *setter) *string { return &s.remote.ClientCertificate }),
	"tls_client_key":                 text(func(s *setter) *string { return &s.remote.ClientKey }),
	"remote_header":                  (*setter).header,
	"remote_cache_header":            (*setter).header,
	"remote_timeout":                 (*setter).timeout,
	"credential_helper":              (*setter).helper,
	"experimental_credential_helper": (*setter).helper,
}

// compression are the names of a flag that is on or off.
var compression = []string{"remote_cache_compression", "experimental_remote_cache_compression"}

func text(field func(*setter) *string) func(*setter, option, string) error {
	return func(s *setter, _ option, value string) error {
		*field(s) = value
		return nil
	}
}

func (s *setter) set(options []option) error {
	for i := 0; i < len(options); i++ {
		at := options[i]
		flag, ok := strings.CutPrefix(at.word, "--")
		if !ok {
			continue
		}
		name, value, joined := strings.Cut(flag, "=")
		act, known := valued[name]
		switch {
		case known && !joined && i+1 == len(options):
			return at.errorf("--%s: no value follows", name)
		case known && !joined:
			i++
			value = options[i].word
			fallthrough
		case known:
			if err := act(s, at, value); err != nil {
				return err
			}
		default:
			if err := s.boolean(at, name, value, joined); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *setter) boolean(at option, name, value string, joined bool) error {
	negated, no := strings.CutPrefix(name, "no")
	switch {
	case slices.Contains(compression, name) && !joined:
		s.remote.Compression = true
	case slices.Contains(compression, name):
		on, ok := switches[strings.ToLower(value)]
		if !ok {
			return at.errorf("--%s=%s: not a boolean", name, value)
		}
		s.remote.Compression = on
	case no && slices.Contains(compression, negated):
		s.remote.Compression = false
	}
	return nil
}

// switches are Bazel's words for on and off.
var switches = map[string]bool{
	"true": true, "1": true, "yes": true, "t": true, "y": true,
	"false": false, "0": false, "no": false, "f": false, "n": false,
}

// header never puts a value into its message: it may be a secret.
func (s *setter) header(at option, value string) error {
	name, content, ok := strings.Cut(value, "=")
	if !ok || name == "" {
		return at.errorf("a header must be name=value")
	}
	s.remote.Headers = append(s.remote.Headers, source.Header{Name: name, Value: content})
	return nil
}

// timeout takes seconds, or a number with a unit, days among them.
func (s *setter) timeout(at option, value string) error {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		s.remote.Timeout = time.Duration(seconds) * time.Second
		return nil
	}
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 15); err == nil {
			s.remote.Timeout = time.Duration(n) * 24 * time.Hour
			return nil
		}
	}
	timeout, err := time.ParseDuration(value)
	if err != nil || timeout < 0 {
		return at.errorf("--remote_timeout=%s: not a duration such as 60s", value)
	}
	s.remote.Timeout = timeout
	return nil
}

// helper takes a path, or a pattern of hosts and a path.
func (s *setter) helper(at option, value string) error {
	pattern, path, ok := strings.Cut(value, "=")
	if !ok {
		pattern, path = "", value
	}
	path, known := inWorkspace(path, s.files.Workspace)
	switch {
	case path == "":
		return at.errorf("--credential_helper=%s: no path", value)
	case !known:
		return at.errorf("--credential_helper=%s: no checkout is known", value)
	}
	s.remote.Helpers = append(s.remote.Helpers, source.Helper{Pattern: pattern, Path: path})
	return nil
}

func (s *setter) settings() Settings {
	remote := s.remote
	if remote.Endpoint == "" {
		remote.Endpoint = s.executor
	}
	for _, file := range []*string{&remote.CA, &remote.ClientCertificate, &remote.ClientKey} {
		*file = s.absolute(*file)
	}
	disk := s.disk
	if rest, ok := strings.CutPrefix(disk, "~/"); ok && s.files.Home != "" {
		disk = filepath.Join(s.files.Home, rest)
	}
	return Settings{DiskCache: s.absolute(disk), Remote: remote}
}

// absolute takes a path for one of the checkout's, in which Bazel's server works.
func (s *setter) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) || s.files.Workspace == "" {
		return path
	}
	return filepath.Join(s.files.Workspace, path)
}
