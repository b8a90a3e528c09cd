// Package certificates makes an authority for a test, and certificates that it signed.
//
// The files are what a user of the servers has, too: curl --cacert, SSL_CERT_FILE, a server's certificate and key.
package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files are PEM files of one authority, a server's certificate for 127.0.0.1, localhost and further hosts, and a client's, all
// valid for an hour.
type Files struct {
	CA                string
	Server, ServerKey string
	Client, ClientKey string
}

// New makes an authority of its own and writes the files to dir.
func New(dir string, hosts ...string) (Files, error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	c := Files{CA: at("ca.pem"), Server: at("server.pem"), ServerKey: at("server.key"), Client: at("client.pem"), ClientKey: at("client.key")}
	ca := template(1, "test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, err := issue(ca, ca, nil, c.CA, "")
	if err != nil {
		return c, err
	}
	host := template(2, "localhost")
	host.DNSNames, host.IPAddresses = append([]string{"localhost"}, hosts...), []net.IP{net.IPv4(127, 0, 0, 1)}
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
