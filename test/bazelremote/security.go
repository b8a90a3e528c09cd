package bazelremote

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	auth "github.com/abbot/go-http-auth"
	"github.com/buchgr/bazel-remote/v2/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// tlsConfig returns nil for a server without a certificate.
func tlsConfig(o Options) (*tls.Config, error) {
	if o.Certificate == "" {
		if o.Key != "" || o.ClientCA != "" {
			return nil, errors.New("a key and an authority for clients need a certificate")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.ClientCA == "" {
		return config, nil
	}
	data, err := os.ReadFile(o.ClientCA)
	if err != nil {
		return nil, err
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("reading %q: no certificate in it", o.ClientCA)
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven // bazel-remote refuses requests, not connections
	return config, nil
}

func grpcOptions(config *tls.Config, o Options, m *meter) []grpc.ServerOption {
	options := []grpc.ServerOption{grpc.StatsHandler(m)}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	if o.ClientCA != "" {
		options = append(options, grpc.ChainStreamInterceptor(server.GRPCmTLSStreamServerInterceptor(false)),
			grpc.ChainUnaryInterceptor(server.GRPCmTLSUnaryServerInterceptor(false)))
	}
	if o.Htpasswd != "" {
		basic := server.NewGrpcBasicAuth(auth.HtpasswdFileProvider(o.Htpasswd), false)
		options = append(options, grpc.ChainStreamInterceptor(basic.StreamServerInterceptor),
			grpc.ChainUnaryInterceptor(basic.UnaryServerInterceptor))
	}
	return options
}

// WriteHtpasswd writes a file for Options.Htpasswd with one user.
func WriteHtpasswd(path, user, password string) error {
	sum := sha1.Sum([]byte(password)) // the format's own; a test's password needs no better
	return os.WriteFile(path, []byte(user+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n"), 0o600)
}
