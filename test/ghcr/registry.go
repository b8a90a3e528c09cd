package ghcr

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/test/counted"
)

// target is what a request below /v2/ is about.
type target struct {
	name      string // of the repository; empty for /v2/ itself
	kind      string // "manifests", "blobs", "uploads", "tags" or "referrers"
	reference string // tag, digest, or the upload's id
}

var (
	pathOf    = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs/uploads|blobs|tags|referrers)/([^/]*)$`)
	validName = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`)
)

func targetOf(path string) target {
	m := pathOf.FindStringSubmatch(path)
	if m == nil {
		return target{}
	}
	return target{name: m[1], kind: strings.TrimPrefix(m[2], "blobs/"), reference: m[3]}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/counts" {
		s.showCounts(w, r)
		return
	}
	t := targetOf(r.URL.Path)
	body := &counted.Body{ReadCloser: r.Body}
	r.Body = body
	answer := counted.NewAnswer(w)
	switch {
	case strings.HasPrefix(r.URL.Path, apiPrefix+"/"):
		s.api.ServeHTTP(answer, r)
	case r.URL.Path == "/token":
		s.issue(answer, r)
	case s.isBusy():
		answer.Header().Set("Retry-After", strconv.Itoa(s.options.RetryAfter))
		refuse(answer, http.StatusTooManyRequests, "TOOMANYREQUESTS", "retry-after: 1ms, allowed: 44000/minute")
	default:
		s.serve(answer, r, t)
	}
	s.count(r, t, body.N, answer)
}

// SetBusy makes the server answer the next requests to /v2/ with 429.
func (s *Server) SetBusy(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = requests
}

func (s *Server) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	return s.busy >= 0
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, t target) {
	if t.name != "" && !validName.MatchString(t.name) {
		refuse(w, http.StatusBadRequest, "NAME_INVALID", "invalid reference format: repository name must be lowercase")
		return
	}
	account, ok := s.admit(w, r, t)
	if !ok {
		return
	}
	switch {
	case r.Method == http.MethodDelete && t.kind == "uploads" && !s.options.NoCancel:
		s.cancel(w, r)
	case r.Method == http.MethodDelete:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "The operation is unsupported.")
	case t.kind == "uploads":
		s.upload(w, r)
	case t.kind == "tags":
		s.listTags(w, r, t.name)
	case t.kind == "referrers" && !s.options.Referrers:
		http.NotFound(w, r)
	case t.kind == "manifests" && r.Method == http.MethodPut:
		s.putManifest(w, r, t, account)
	case t.kind == "manifests":
		s.readManifest(w, r, t)
	default:
		s.inner.ServeHTTP(w, r)
	}
}

// upload leaves the query of a mount out, which makes it the beginning of an upload.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Query().Has("mount") {
		r.URL.RawQuery = ""
	}
	s.inner.ServeHTTP(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch answer := w.(*counted.Answer); {
	case r.Method == http.MethodPost && answer.Status == http.StatusAccepted:
		s.uploads[w.Header().Get("Location")] = struct{}{}
	case r.Method == http.MethodPut && answer.Status == http.StatusCreated:
		delete(s.uploads, r.URL.Path)
	}
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.uploads[r.URL.Path]; !ok {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	delete(s.uploads, r.URL.Path)
	w.WriteHeader(http.StatusNoContent)
}

// Uploads is how many uploads have begun and neither ended nor been cancelled.
func (s *Server) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// putManifest stores by digest alone; tags are the package's.
func (s *Server) putManifest(w http.ResponseWriter, r *http.Request, t target, account *Account) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
		return
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	if strings.Contains(t.reference, ":") && t.reference != digest {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	if missing := s.lacking(r, t.name, data); missing != "" {
		refuse(w, http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: "+missing)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	r.URL.Path = "/v2/" + t.name + "/manifests/" + digest
	s.inner.ServeHTTP(w, r)
	if w.(*counted.Answer).Status != http.StatusCreated {
		return
	}
	tag := t.reference
	if tag == digest {
		tag = ""
	}
	s.record(t.name, digest, tag, account)
}

// lacking is the first blob of an image's manifest that its repository does not have.
func (s *Server) lacking(r *http.Request, name string, data []byte) string {
	type blob struct{ Digest string }
	var manifest struct {
		Config *blob
		Layers []blob
	}
	if json.Unmarshal(data, &manifest) != nil {
		return ""
	}
	blobs := manifest.Layers
	if manifest.Config != nil {
		blobs = append(blobs, *manifest.Config)
	}
	for _, b := range blobs {
		if s.ask(r, "/v2/"+name+"/blobs/"+b.Digest) != http.StatusOK {
			return b.Digest
		}
	}
	return ""
}

// ask asks the registry inside.
func (s *Server) ask(r *http.Request, path string) int {
	inner := r.Clone(r.Context())
	inner.Method, inner.URL = http.MethodHead, &url.URL{Path: path}
	answer := counted.NewAnswer(discard{header: http.Header{}})
	s.inner.ServeHTTP(answer, inner)
	return answer.Status
}

func (s *Server) readManifest(w http.ResponseWriter, r *http.Request, t target) {
	digest := t.reference
	if !strings.Contains(digest, ":") {
		if digest = s.resolve(t.name, t.reference); digest == "" {
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
			return
		}
	}
	r.URL.Path = "/v2/" + t.name + "/manifests/" + digest
	s.inner.ServeHTTP(w, r)
}
