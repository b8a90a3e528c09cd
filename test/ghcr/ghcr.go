// Package ghcr is a registry for tests that has the habits of GitHub's: ghcr.io, and the part of GitHub's REST API that
// lists and deletes packages, and tells of pull requests and checks.
//
// Storage is go-containerregistry's registry in memory; what is around it is what clients of GitHub's meet and others do not
// have:
//   - No request is answered without a token of /token, not even for a public package. What a token may do follows from the
//     account's scopes, from who owns the package, and from the repository that the package is linked to. A push that is not
//     allowed gets its token and is refused when it begins an upload.
//   - Blobs belong to one repository. A mount begins an upload instead.
//   - A tag may be written and not seen for a while.
//   - DELETE is not supported. Manifests are deleted as package versions, by id, through REST, but not the last one of a
//     package. A manifest that lost its tags stays until then.
//   - 429 names when to come back; REST has rate limits of its own, and pages.
//
// Sources: https://docs.github.com/en/rest/packages/packages, https://docs.github.com/en/rest/using-the-rest-api,
// https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry; the texts of
// the refusals are those that people report.
//
// It keeps everything in memory, and does not redirect blobs to another host as the real one does.
package ghcr

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Options say who may do what, and which faults there are. The zero value has no account: anonymous clients may pull
// public packages.
type Options struct {
	Address     string // to listen on; empty is a free port of 127.0.0.1
	Certificate string // PEM file: the server speaks TLS alone; with Key
	Key         string // PEM file
	Known       string // address that clients behind a proxy know it by: "https://registry.example"; empty is its own

	Accounts []Account
	Packages []Package     // that exist before the first push, with no version
	People   []string      // owners that are users; all others are organizations
	Pulls    []PullRequest // pull requests
	Checks   []CheckRun

	Busy       int  // answer this many requests to /v2/ with 429 first
	RetryAfter int  // seconds that a 429 or a secondary rate limit names
	TagLag     int  // reads of a tag, or of a list of tags, that do not see what was last written
	Referrers  bool // answer the referrers API; GitHub does not, and clients use tags sha256-<hex> instead
	NoCancel   bool // refuse to cancel an upload

	RateLimit int              // REST requests in the hour; 0 is 5000
	Secondary int              // refuse this many REST requests first for coming too fast
	PerPage   int              // most entries of a REST page or a list of tags; 0 is 100
	Now       func() time.Time `json:"-"` // of new versions; nil is time.Now
}

// Server is a running registry. Its methods may be called while it is asked.
type Server struct {
	Host string // "127.0.0.1:40513"
	URL  string // "http://127.0.0.1:40513", or https
	API  string // of REST, as in GITHUB_API_URL: URL + "/api/v3"

	options  Options
	accounts []Account
	inner    http.Handler
	api      http.Handler
	server   *http.Server

	mu       sync.Mutex
	packages map[string]*stored // by name
	lastID   int64
	tokens   map[string]grant    // by bearer token
	uploads  map[string]struct{} // paths of uploads that are under way
	counts   map[string]Count
	busy     int // 429s still to give
	api429   int // secondary rate limits still to give
	used     int // of RateLimit
	pulls    []PullRequest
	checks   []CheckRun
}

// New returns when the port accepts connections.
func New(o Options) (*Server, error) {
	address := o.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	s := newServer(o)
	s.Host, s.URL = listener.Addr().String(), "http://"+listener.Addr().String()
	if o.Certificate != "" {
		s.URL = "https://" + s.Host
	}
	if o.Known != "" {
		s.URL = o.Known
	}
	s.API = s.URL + apiPrefix
	if o.Certificate != "" {
		go s.server.ServeTLS(listener, o.Certificate, o.Key)
	} else {
		go s.server.Serve(listener)
	}
	return s, nil
}

func newServer(o Options) *Server {
	quiet := log.New(io.Discard, "", 0)
	s := &Server{
		options: o, accounts: o.Accounts, packages: map[string]*stored{}, tokens: map[string]grant{}, uploads: map[string]struct{}{},
		counts: map[string]Count{}, busy: o.Busy, api429: o.Secondary, pulls: o.Pulls, checks: o.Checks,
		inner: registry.New(registry.Logger(quiet), registry.WithBlobHandler(newBlobs()), registry.WithReferrersSupport(true)),
	}
	for _, p := range o.Packages {
		s.create(p)
	}
	s.api = s.newAPI()
	s.server = &http.Server{Handler: s, ErrorLog: quiet}
	return s
}

// Close ends all connections at once.
func (s *Server) Close() error { return s.server.Close() }

func (s *Server) now() time.Time {
	if s.options.Now != nil {
		return s.options.Now()
	}
	return time.Now()
}

func (s *Server) pageSize() int {
	if s.options.PerPage > 0 {
		return s.options.PerPage
	}
	return 100
}
