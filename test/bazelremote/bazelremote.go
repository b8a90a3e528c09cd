// Package bazelremote runs a real bazel-remote (https://github.com/buchgr/bazel-remote) inside a test.
//
// A remote cache that was written for a test agrees with its client's mistakes; this one is what people run. It listens on
// loopback, serves the Remote Execution API's cache by gRPC and /cas, /ac by HTTP from one folder, and counts what it is
// asked. Basic authentication, TLS and client certificates are bazel-remote's own.
//
// Its generated protocol buffers are those of the module's genproto folder. A program holds one generation of a .proto
// file, two end it at its start: a client in the same test uses them too.
//
// It exposes no metrics.
package bazelremote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	auth "github.com/abbot/go-http-auth"
	"github.com/buchgr/bazel-remote/v2/cache/disk"
	"github.com/buchgr/bazel-remote/v2/server"
	"google.golang.org/grpc"
)

const (
	anyPort     = "127.0.0.1:0"
	defaultSize = 20 << 30
	maxBlobSize = 8 << 30
)

// Options say how the server stores and whom it lets in. The zero value is an open server on free ports that keeps
// compressed blobs in a temporary folder.
type Options struct {
	Dir     string // of the blobs; empty is a temporary folder that Close removes
	GRPC    string // address to listen on; empty is a free port of 127.0.0.1
	HTTP    string // likewise
	Storage string // "zstd" or "uncompressed"; empty is "zstd", as in bazel-remote
	MaxSize int64  // of all blobs in bytes, the longest unused go first; 0 is 20 GiB
	// Upstream is one of Bazel's disk caches, from which the server takes what it has not yet; empty is none. Blobs are then stored
	// uncompressed.
	Upstream string

	Htpasswd    string // file of users and their hashed passwords; empty lets everybody in
	Certificate string // PEM file: the server speaks TLS alone; with Key
	Key         string // PEM file
	ClientCA    string // PEM file: clients need a certificate that it signed; with Certificate

	Log *log.Logger // a line for each request; nil is silence
}

// Server is a running bazel-remote.
type Server struct {
	GRPC string // "grpc://127.0.0.1:34567" or "grpcs://…", as --remote_cache takes it
	HTTP string // "http://127.0.0.1:34568" or "https://…"
	Dir  string // of the blobs: cas.v2, ac.v2, raw.v2

	meter meter
	grpc  *grpc.Server
	http  *http.Server
	owned bool // Close removes Dir
}

// Start returns when both ports accept connections.
func Start(o Options) (_ *Server, err error) {
	s := &Server{Dir: o.Dir}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "bazel-remote-"); err != nil {
			return nil, fmt.Errorf("starting bazel-remote: %w", err)
		}
		s.owned = true
	}
	if err := s.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting bazel-remote: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) start(o Options) error {
	logger := o.Log
	if logger == nil {
		logger = log.New(io.Discard, "", 0)
	}
	blobs, err := openDisk(s.Dir, o, logger)
	if err != nil {
		return err
	}
	config, err := tlsConfig(o)
	if err != nil {
		return err
	}
	forGRPC, err := net.Listen("tcp", orAny(o.GRPC))
	if err != nil {
		return err
	}
	forHTTP, err := net.Listen("tcp", orAny(o.HTTP))
	if err != nil {
		return errors.Join(err, forGRPC.Close())
	}
	s.serveGRPC(forGRPC, blobs, config, o, logger)
	s.serveHTTP(forHTTP, blobs, config, o, logger)
	return nil
}

func openDisk(dir string, o Options, logger *log.Logger) (disk.Cache, error) {
	storage, size := o.Storage, o.MaxSize
	if storage == "" {
		storage = "zstd"
	}
	if size == 0 {
		size = defaultSize
	}
	options := []disk.Option{
		disk.WithZstdImplementation("go"), disk.WithMaxBlobSize(maxBlobSize), disk.WithAccessLogger(logger),
	}
	if o.Upstream != "" {
		storage = "uncompressed"
		options = append(options, disk.WithProxyBackend(folder(o.Upstream)), disk.WithProxyMaxBlobSize(maxBlobSize))
	}
	return disk.New(dir, size, append(options, disk.WithStorageMode(storage))...)
}

func (s *Server) serveGRPC(l net.Listener, blobs disk.Cache, config *tls.Config, o Options, logger *log.Logger) {
	s.GRPC = "grpc://" + l.Addr().String()
	if config != nil {
		s.GRPC = "grpcs://" + l.Addr().String()
	}
	s.grpc = grpc.NewServer(grpcOptions(config, o, &s.meter)...)
	// It ends by Close, and there is nobody to tell before.
	go server.ServeGRPC(l, s.grpc, true, false, false, maxBlobSize, blobs, logger, logger)
}

func (s *Server) serveHTTP(l net.Listener, blobs disk.Cache, config *tls.Config, o Options, logger *log.Logger) {
	certificates := o.ClientCA != ""
	cache := server.NewHTTPCache(blobs, logger, logger, true, false, certificates, certificates, "", "")
	handler := cache.CacheHandler
	if o.Htpasswd != "" {
		handler = auth.JustCheck(&auth.BasicAuth{Realm: l.Addr().String(), Secrets: auth.HtpasswdFileProvider(o.Htpasswd)}, handler)
	}
	s.http = &http.Server{Handler: s.meter.handler(handler), TLSConfig: config, ErrorLog: logger}
	s.HTTP = "http://" + l.Addr().String()
	if config == nil {
		go s.http.Serve(l)
		return
	}
	s.HTTP = "https://" + l.Addr().String()
	go s.http.ServeTLS(l, "", "")
}

// Counts returns what the server was asked so far.
func (s *Server) Counts() Counts { return s.meter.counts() }

// Close ends all connections at once and removes the folder if it was a temporary one.
func (s *Server) Close() error {
	if s.grpc != nil {
		s.grpc.Stop()
	}
	var err error
	if s.http != nil {
		err = s.http.Close()
	}
	if s.owned {
		err = errors.Join(err, os.RemoveAll(s.Dir))
	}
	return err
}

func orAny(address string) string {
	if address == "" {
		return anyPort
	}
	return address
}
