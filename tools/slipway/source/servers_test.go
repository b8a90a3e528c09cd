package source_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	reapi "github.com/buchgr/bazel-remote/v2/genproto/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (c remoteCases) client(t *testing.T) *http.Client {
	t.Helper()
	data, err := os.ReadFile(c.certificates.CA)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.certificates.Client, c.certificates.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}
	config.RootCAs.AppendCertsFromPEM(data)
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// startHTTP serves what a real cache would only by accident.
func startHTTP(t *testing.T, handler http.HandlerFunc) (endpoint string) {
	t.Helper()
	server := httptest.NewServer(handler)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return server.URL
}

// grpcServer is a cache whose reads a test may spoil. It has what a real one would only by accident.
type grpcServer struct {
	reapi.UnimplementedCapabilitiesServer
	bytestream.UnimplementedByteStreamServer

	content   map[string]string // by digest
	functions []reapi.DigestFunction_Value
	asked     func(ctx context.Context) error                                                           // before capabilities; nil is well
	read      func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer) (own bool, err error) // instead of sending content
}

func (g *grpcServer) GetCapabilities(ctx context.Context, _ *reapi.GetCapabilitiesRequest) (*reapi.ServerCapabilities, error) {
	if g.asked != nil {
		if err := g.asked(ctx); err != nil {
			return nil, err
		}
	}
	functions := g.functions
	if functions == nil {
		functions = []reapi.DigestFunction_Value{reapi.DigestFunction_SHA256}
	}
	return &reapi.ServerCapabilities{CacheCapabilities: &reapi.CacheCapabilities{
		DigestFunctions: functions, SupportedCompressors: []reapi.Compressor_Value{reapi.Compressor_ZSTD},
	}}, nil
}

func (g *grpcServer) Read(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer) error {
	if g.read != nil {
		if own, err := g.read(r, s); own {
			return err
		}
	}
	parts := strings.Split(r.ResourceName, "/")
	content, ok := g.content["sha256:"+parts[len(parts)-2]]
	if !ok {
		return status.Error(codes.NotFound, "no such blob")
	}
	return send(s, content[r.ReadOffset:])
}

func send(s bytestream.ByteStream_ReadServer, content string) error {
	for len(content) > 0 {
		n := min(len(content), 64<<10)
		if err := s.Send(&bytestream.ReadResponse{Data: []byte(content[:n])}); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

func startGRPC(t *testing.T, network string, g grpcServer) (endpoint string) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "s") // a socket's path has about 100 bytes at most
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "socket")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	reapi.RegisterCapabilitiesServer(server, &g)
	bytestream.RegisterByteStreamServer(server, &g)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	if network == "unix" {
		return "unix:" + address
	}
	return "grpc://" + listener.Addr().String()
}

// cut ends the connection of an HTTP answer after the first bytes.
func cut(w http.ResponseWriter, length int, content string) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	io.WriteString(buffered, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(length)+"\r\n\r\n"+content)
	buffered.Flush()
}
