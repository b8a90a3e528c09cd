package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	helperLimit = 10 * time.Second // Bazel's default for --credential_helper_timeout
	helperCache = 30 * time.Minute // Bazel's default for --credential_helper_cache_duration
	helperWords = 300              // bytes of what a failing helper says that an error repeats
)

// Header is one header of every request, as --remote_header has it.
type Header struct{ Name, Value string }

// Helper is a program that knows credentials, as --credential_helper has it: [<pattern>=]<path>.
type Helper struct {
	Pattern string // "cache.example.com", or "*.example.com" for example.com and all below it; empty is every host
	Path    string // absolute, or a name that PATH finds
}

// findHelper chooses as Bazel does: the exact host, then the closest wildcard, then the helper without a pattern; of equal
// patterns the last. An endpoint without a host, a socket, has the helper without a pattern alone.
func findHelper(helpers []Helper, host string) (path string, ok bool) {
	patterns := map[string]string{}
	for _, h := range helpers {
		patterns[strings.ToLower(h.Pattern)] = h.Path
	}
	host = strings.ToLower(host)
	if path, ok = patterns[host]; ok {
		return path, true
	}
	for parent, more := host, host != ""; more; _, parent, more = strings.Cut(parent, ".") {
		if path, ok = patterns["*."+parent]; ok {
			return path, true
		}
	}
	path, ok = patterns[""]
	return path, ok
}

func checkHelpers(helpers []Helper) error {
	pattern := regexp.MustCompile(`^$|^(\*|[-a-zA-Z0-9]+)(\.[-a-zA-Z0-9]+)+$`)
	for _, h := range helpers {
		if !pattern.MatchString(h.Pattern) {
			return fmt.Errorf("checking credential helper %q: its pattern %q is no DNS name and no wildcard like *.example.com", h.Path, h.Pattern)
		}
		if h.Path == "" {
			return fmt.Errorf("checking credential helper of %q: it has no path", h.Pattern)
		}
	}
	return nil
}

// account is the headers of one endpoint: those of the flags, user and password of its address, and what a helper says
// (https://github.com/EngFlow/credential-helper-spec). It is safe for concurrent use.
type account struct {
	fixed  []Header
	helper string // path; empty is none
	uri    string // that the helper is asked about

	mu      sync.Mutex
	got     []Header
	expires time.Time
	uses    int   // of got
	failed  error // a helper that fails is not run again
}

func newAccount(c Cache, endpoint endpoint, uri string) *account {
	fixed := slices.Clone(c.Headers)
	if endpoint.user != nil {
		password, _ := endpoint.user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(endpoint.user.Username() + ":" + password))
		fixed = append(fixed, Header{"Authorization", "Basic " + basic})
	}
	helper, _ := findHelper(c.Helpers, endpoint.hostname())
	return &account{fixed: fixed, helper: helper, uri: uri}
}

// headers returns what a request carries. It asks the helper when it has no answer or a stale one.
func (c *account) headers(ctx context.Context) ([]Header, error) {
	if c.helper == "" {
		return c.fixed, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil || ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), c.failed)
	}
	if c.uses == 0 || !time.Now().Before(c.expires) {
		got, expires, err := runHelper(ctx, c.helper, c.uri)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			c.failed = &failure{err: err, endpoint: true}
			return nil, c.failed
		}
		c.got, c.expires, c.uses = got, expires, 0
	}
	c.uses++
	return slices.Concat(c.fixed, c.got), nil
}

// renew reports whether another attempt has a chance after a server refused the credentials: the helper's answer is an old
// one, which it then forgets.
func (c *account) renew() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.uses > 1
	c.uses = 0
	return old
}

// refused begins the message about a server that lets nobody in.
func (c *account) refused() string {
	switch {
	case c.helper != "":
		return fmt.Sprintf("it refuses the credentials of helper %q", c.helper)
	case len(c.fixed) > 0:
		return "it refuses the credentials"
	}
	return "it wants credentials"
}

type helperAnswer struct {
	Headers map[string][]string `json:"headers"`
	Expires string              `json:"expires"` // RFC 3339; may be absent
}

// runHelper never repeats what the helper printed to stdout: that is the secret.
func runHelper(ctx context.Context, path, uri string) ([]Header, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	request, err := json.Marshal(map[string]string{"uri": uri})
	if err != nil {
		return nil, time.Time{}, err
	}
	var out, words bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "get")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &out, &words
	cmd.WaitDelay = time.Second // a helper's own children may keep its pipes
	if err := cmd.Run(); err != nil && !(errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil) {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %v", helperLimit)
		}
		// Not %w: a helper that does not exist is no absent blob.
		return nil, time.Time{}, fmt.Errorf("running credential helper %q for %s: %v%s", path, uri, err, tail(words.String()))
	}
	var answer helperAnswer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return nil, time.Time{}, fmt.Errorf("running credential helper %q for %s: its answer is not JSON with headers%s", path, uri, tail(words.String()))
	}
	return answer.read()
}

func (a helperAnswer) read() ([]Header, time.Time, error) {
	var headers []Header
	for name, values := range a.Headers {
		for _, value := range values {
			headers = append(headers, Header{name, value})
		}
	}
	if a.Expires == "" {
		return headers, time.Now().Add(helperCache), nil
	}
	expires, err := time.Parse(time.RFC3339, a.Expires)
	if err != nil {
		return nil, expires, fmt.Errorf("reading the credential helper's answer: expires %q is not RFC 3339", a.Expires)
	}
	return headers, expires, nil
}

func tail(words string) string {
	words = strings.TrimSpace(words)
	if words == "" {
		return ""
	}
	return ": " + words[max(0, len(words)-helperWords):]
}
