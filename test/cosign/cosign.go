// Package cosign writes the private keys of cosign's for tests, which have no cosign.
package cosign

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// Encode returns what `cosign generate-key-pair` writes for a key: PKCS #8, encrypted by the password, as PEM.
// https://github.com/sigstore/cosign/blob/main/pkg/cosign/keys.go
func Encode(key crypto.Signer, password string) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	data, err := encrypted.Encrypt(plain, []byte(password))
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: data}), nil
}
