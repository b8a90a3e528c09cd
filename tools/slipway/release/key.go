package release

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// Types of PEM blocks that `cosign generate-key-pair` and `cosign import-key-pair` write, of old and of now.
var keyTypes = []string{"ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"}

// Signer signs with a key that does not leave memory. It is safe for concurrent use.
type Signer struct{ key crypto.Signer }

// NewSigner reads a private key of cosign's. No error holds any of the key or the password.
func NewSigner(data, password []byte) (*Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil || !slices.Contains(keyTypes, block.Type) {
		return nil, errors.New("it is no key of cosign's (-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----)")
	}
	plain, err := encrypted.Decrypt(block.Bytes, password)
	if err != nil {
		return nil, errors.New("the password is wrong, or the key is damaged")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, errors.New("what it encrypts is no PKCS #8 key")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", parsed)
	}
	return &Signer{key}, nil
}

// Sign signs as cosign does: ECDSA and RSA the message's SHA-256, Ed25519 the message. Equal messages have equal signatures,
// https://www.rfc-editor.org/rfc/rfc6979 for ECDSA, so that a repeated release finds what the first one left.
func (s *Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	if key, ok := s.key.(ed25519.PrivateKey); ok {
		return key.Sign(nil, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	if key, ok := s.key.(*ecdsa.PrivateKey); ok {
		return key.Sign(nil, sum[:], crypto.SHA256)
	}
	return s.key.Sign(nil, sum[:], crypto.SHA256)
}

// KeyID implements dsse.Signer. cosign names no key.
func (s *Signer) KeyID() (string, error) { return "", nil }
