package bazelremote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

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

// Certificates are PEM files of one authority, a server's certificate for 127.0.0.1 and localhost, and a client's, all
// valid for an hour.
type Certificates struct {
	CA                string
	Server, ServerKey string
	Client, ClientKey string
}

// NewCertificates makes an authority of its own and writes the files to dir.
func NewCertificates(dir string) (Certificates, error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	c := Certificates{CA: at("ca.pem"), Server: at("server.pem"), ServerKey: at("server.key"), Client: at("client.pem"), ClientKey: at("client.key")}
	ca := template(1, "test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, err := issue(ca, ca, nil, c.CA, "")
	if err != nil {
		return c, err
	}
	host := template(2, "localhost")
	host.DNSNames, host.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	host.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if _, err := issue(host, ca, caKey, c.Server, c.ServerKey); err != nil {
		return c, err
	}
	client := template(3, "client")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	_, err = issue(client, ca, caKey, c.Client, c.ClientKey)
	return c, err
}

func template(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// issue writes a certificate and, where keyPath names a file, its new key. A nil parentKey signs with the new key.
func issue(cert, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, certPath, keyPath string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	if err := writePEM(certPath, "CERTIFICATE", der); err != nil || keyPath == "" {
		return key, err
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	return key, writePEM(keyPath, "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
