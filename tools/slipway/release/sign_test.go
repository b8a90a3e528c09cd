package release_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/kubernaut/kubernaut/test/cosign"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
)

func cosignKey(t *testing.T, key crypto.Signer, password string) []byte {
	t.Helper()
	data, err := cosign.Encode(key, password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signerOf(t *testing.T, key crypto.Signer) *release.Signer {
	t.Helper()
	signer, err := release.NewSigner(cosignKey(t, key, "hunter2"), []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// verifier is what cosign does with a public key.
type verifier struct{ key *ecdsa.PublicKey }

func (v verifier) Verify(_ context.Context, data, signature []byte) error {
	sum := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(v.key, sum[:], signature) {
		return errors.New("wrong signature")
	}
	return nil
}
func (v verifier) KeyID() (string, error)   { return "", nil }
func (v verifier) Public() crypto.PublicKey { return v.key }

type signedLayer struct {
	MediaType, Digest string
	Annotations       map[string]string
}

func (w *world) sheet(repository, digest, suffix string) []signedLayer {
	w.t.Helper()
	var m struct {
		Config struct{ MediaType string }
		Layers []signedLayer
	}
	data := w.quay.get(repository + "/manifests/" + strings.Replace(digest, ":", "-", 1) + suffix)
	if err := json.Unmarshal(data, &m); err != nil || m.Config.MediaType != "application/vnd.oci.image.config.v1+json" {
		w.t.Fatalf("%s of %s: got %q, %v", suffix, digest, data, err)
	}
	return m.Layers
}

// verified reads a digest's signatures as https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md says, and counts
// those of the key.
func (w *world) verified(repository, digest string, key *ecdsa.PublicKey) (count int) {
	w.t.Helper()
	for _, layer := range w.sheet(repository, digest, ".sig") {
		payload := w.quay.get(repository + "/blobs/" + layer.Digest)
		var got struct {
			Critical struct {
				Identity struct {
					Reference string `json:"docker-reference"`
				}
				Image struct {
					Digest string `json:"docker-manifest-digest"`
				}
				Type string
			}
		}
		if err := json.Unmarshal(payload, &got); err != nil {
			w.t.Fatal(err)
		}
		c := got.Critical
		if layer.MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" || c.Image.Digest != digest ||
			c.Identity.Reference != w.quay.host+"/"+repository || c.Type != "cosign container image signature" {
			w.t.Errorf("got %s with %s", layer.MediaType, payload)
		}
		signature, err := base64.StdEncoding.DecodeString(layer.Annotations["dev.cosignproject.cosign/signature"])
		if err != nil {
			w.t.Fatal(err)
		}
		if (verifier{key}).Verify(w.t.Context(), payload, signature) == nil {
			count++
		}
	}
	return count
}

// attested are the predicate types of a digest's attestations that the key has signed.
func (w *world) attested(repository, digest string, key *ecdsa.PublicKey) (types []string) {
	w.t.Helper()
	check, err := dsse.NewEnvelopeVerifier(verifier{key})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, layer := range w.sheet(repository, digest, ".att") {
		var envelope dsse.Envelope
		if err := json.Unmarshal(w.quay.get(repository+"/blobs/"+layer.Digest), &envelope); err != nil {
			w.t.Fatal(err)
		}
		_, payload, err := check.VerifyAndDecode(w.t.Context(), &envelope)
		if err != nil {
			continue
		}
		var statement struct {
			PredicateType string
			Subject       []struct{ Digest map[string]string }
		}
		if err := json.Unmarshal(payload, &statement); err != nil {
			w.t.Fatal(err)
		}
		about := slices.ContainsFunc(statement.Subject, func(s struct{ Digest map[string]string }) bool { return "sha256:"+s.Digest["sha256"] == digest })
		if !about || layer.MediaType != "application/vnd.dsse.envelope.v1+json" || layer.Annotations["predicateType"] != statement.PredicateType {
			w.t.Errorf("%s: got %+v with %s", digest, layer, payload)
		}
		types = append(types, statement.PredicateType)
	}
	return types
}

func TestSign(t *testing.T) {
	w, key := newWorld(t, true), newKey(t)
	w.signer = signerOf(t, key)
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	w.complete("v1.2.3")
	const provenance, spdx = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
	for _, s := range w.services {
		repository := "org/" + s.Index.Name
		want := map[string][]string{s.Index.Index.Digest: {provenance}}
		for _, d := range s.Index.Images {
			want[d.Manifest.Digest] = []string{provenance, spdx}
		}
		for digest, types := range want {
			if got := w.verified(repository, digest, &key.PublicKey); got != 1 {
				t.Errorf("%s@%s: got %d signatures, want 1", repository, digest, got)
			}
			if diff := cmp.Diff(types, w.attested(repository, digest, &key.PublicKey)); diff != "" {
				t.Errorf("%s@%s: attestations (-want +got):\n%s", repository, digest, diff)
			}
		}
	}
}

// The same digest under another version, or signed by another key, keeps the signatures that it has; the same key's is not
// written twice.
func TestSignAgain(t *testing.T) {
	w, first, second := newWorld(t, true), newKey(t), newKey(t)
	digest := w.services[0].Index.Index.Digest
	for _, step := range []struct {
		version    string
		key        *ecdsa.PrivateKey
		signatures int
	}{{"v1.2.3", first, 1}, {"v1.2.4", first, 1}, {"v1.2.5", second, 2}} {
		w.version, w.signer = step.version, signerOf(t, step.key)
		if _, err := w.copy(); err != nil {
			t.Fatal(err)
		}
		if got := len(w.sheet("org/gateway", digest, ".sig")); got != step.signatures {
			t.Errorf("%s: got %d signatures, want %d", step.version, got, step.signatures)
		}
		if got := w.verified("org/gateway", digest, &step.key.PublicKey); got != 1 {
			t.Errorf("%s: got %d signatures of its key", step.version, got)
		}
	}
	// Provenance names the version.
	if got := len(w.attested("org/gateway", digest, &first.PublicKey)); got != 2 {
		t.Errorf("got %d attestations of the first key, want one for each version", got)
	}
}

// A version can be signed when CI's registry has nothing of it any more: prune takes main's old images. A service that lacks the
// version is refused then, with the others unsigned.
func TestSignPruned(t *testing.T) {
	w, key := newWorld(t, true), newKey(t)
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	w.ci.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/" {
			http.NotFound(rw, r)
		}
		return r.URL.Path != "/v2/"
	})
	w.signer = signerOf(t, key)
	all := w.services
	w.services = append(all[:2:2], w.service("notification", "1"))
	if _, err := w.copy(); err == nil || !strings.Contains(err.Error(), "k/notification has no tag "+tag+": CI has not pushed this commit") {
		t.Errorf("got error %v", err)
	}
	w.services = all
	if got := w.quay.sent(http.MethodPut, ".sig"); len(got) > 0 {
		t.Errorf("a release that was refused has sent %q", got)
	}
	if got, err := w.copy(); err != nil || got.Released != 0 || got.Signed != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, s := range w.services {
		if got := w.verified("org/"+s.Index.Name, s.Index.Index.Digest, &key.PublicKey); got != 1 {
			t.Errorf("%s: got %d signatures, want 1", s.Index.Name, got)
		}
	}
}

// A version that was released without a key is signed when there is one, and is not moved; what is signed is left alone.
func TestSignLater(t *testing.T) {
	w, key := newWorld(t, true), newKey(t)
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	w.signer = signerOf(t, key)
	rows, err := w.release().Plan(t.Context())
	if err != nil || !rows[0].There || !rows[0].Unsigned || rows[0].Bytes == 0 {
		t.Errorf("got %+v, %v", rows, err)
	}
	w.quay.reset()
	got, err := w.copy()
	if err != nil || got.Released != 0 || got.Signed != 2 || got.Moved.BlobsSent == 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if tags := w.quay.sent(http.MethodPut, "/manifests/v1.2.3"); len(tags) > 0 {
		t.Errorf("got %v", tags)
	}
	for _, s := range w.services {
		digests := []string{s.Index.Index.Digest}
		for _, d := range s.Index.Images {
			digests = append(digests, d.Manifest.Digest)
		}
		for _, digest := range digests {
			repository := "org/" + s.Index.Name
			if got := w.verified(repository, digest, &key.PublicKey); got != 1 {
				t.Errorf("%s@%s: got %d signatures, want 1", repository, digest, got)
			}
			if got := w.attested(repository, digest, &key.PublicKey); len(got) == 0 {
				t.Errorf("%s@%s: nothing is attested", repository, digest)
			}
		}
	}
	w.quay.reset()
	if got, err = w.copy(); err != nil || got.Signed != 0 {
		t.Errorf("second time: got %+v, %v", got, err)
	}
	if writes := slices.Concat(w.quay.sent(http.MethodPut, ""), w.quay.sent(http.MethodPost, "")); len(writes) > 0 {
		t.Errorf("second time: got %v", writes)
	}
}

func TestSigner(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	sum := sha256.Sum256(message)
	sign := func(key crypto.Signer) []byte {
		signer := signerOf(t, key)
		first, err := signer.Sign(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		second, _ := signer.Sign(t.Context(), message)
		if string(first) != string(second) {
			t.Errorf("%T: got two signatures of one message", key)
		}
		return first
	}
	key := newKey(t)
	if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], sign(key)) || rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum[:], sign(rsaKey)) != nil || !ed25519.Verify(public, message, sign(edKey)) {
		t.Error("a signature is wrong")
	}
}

func TestNewSignerRefuses(t *testing.T) {
	good := cosignKey(t, newKey(t), "hunter2")
	for name, tc := range map[string]struct {
		data           []byte
		password, want string
	}{
		"nothing":        {nil, "", "it is no key of cosign's"},
		"another block":  {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("hunter2")}), "", "it is no key of cosign's"},
		"wrong password": {good, "hunter3", "the password is wrong, or the key is damaged"},
		"damaged":        {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("{}")}), "hunter2", "the password is wrong, or the key is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := release.NewSigner(tc.data, []byte(tc.password))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
