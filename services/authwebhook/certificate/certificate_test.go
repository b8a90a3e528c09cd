package certificate_test

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/kubernaut/kubernaut/services/authwebhook/certificate"
)

func keeper(objects ...client.Object) certificate.Keeper {
	return certificate.Keeper{
		Client:    fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).Build(),
		Namespace: "ns", Service: "authwebhook",
	}
}

// verify checks the certificate as the API server does, at a time.
func verify(t *testing.T, k certificate.Keeper, at time.Time) []byte {
	t.Helper()
	serving, authority, err := k.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	if _, err := serving.Leaf.Verify(x509.VerifyOptions{DNSName: "authwebhook.ns.svc", Roots: roots, CurrentTime: at}); err != nil {
		t.Errorf("the API server would not accept it: %v", err)
	}
	return authority
}

func TestEnsureMakesOneCertificateForAllReplicas(t *testing.T) {
	first := keeper()
	authority := verify(t, first, time.Now())
	if again := verify(t, first, time.Now()); !bytes.Equal(again, authority) {
		t.Error("a second start made another certificate")
	}
	var secret corev1.Secret
	if err := first.Client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: certificate.SecretName}, &secret); err != nil || secret.Type != corev1.SecretTypeTLS {
		t.Errorf("Secret: error %v, type %q", err, secret.Type)
	}
}

func TestEnsureReplacesWhatIsNotUsable(t *testing.T) {
	k := keeper()
	old := verify(t, k, time.Now())
	k.Now = func() time.Time { return time.Now().Add(360 * 24 * time.Hour) }
	if renewed := verify(t, k, time.Now()); bytes.Equal(renewed, old) {
		t.Error("a certificate that ends within a month was kept")
	}
	broken := keeper(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: certificate.SecretName}, Data: map[string][]byte{"tls.crt": []byte("x")}})
	verify(t, broken, time.Now())
	elsewhere := k
	elsewhere.Service = "another"
	elsewhere.Now = nil
	if _, authority, err := elsewhere.Ensure(t.Context()); err != nil || bytes.Equal(authority, old) {
		t.Errorf("error %v; a certificate of another host was kept", err)
	}
}

func TestTrustWritesItsOwnWebhooksAlone(t *testing.T) {
	call := func(namespace string) admissionv1.WebhookClientConfig {
		return admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: namespace, Name: "authwebhook"}}
	}
	k := keeper(
		&admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "own"}, Webhooks: []admissionv1.MutatingWebhook{{Name: "a", ClientConfig: call("ns")}, {Name: "b", ClientConfig: call("ns")}}},
		&admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Webhooks: []admissionv1.MutatingWebhook{{Name: "a", ClientConfig: call("ns-2")}}},
		&admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "own"}, Webhooks: []admissionv1.ValidatingWebhook{{Name: "a", ClientConfig: call("ns")}}},
	)
	for range 2 { // the second time nothing is left to write
		if found, err := k.Trust(t.Context(), []byte("authority")); err != nil || found != 3 {
			t.Errorf("got %d webhooks and error %v, want 3", found, err)
		}
	}
	var own, other admissionv1.MutatingWebhookConfiguration
	if err := k.Client.Get(t.Context(), client.ObjectKey{Name: "own"}, &own); err != nil {
		t.Fatal(err)
	}
	if err := k.Client.Get(t.Context(), client.ObjectKey{Name: "other"}, &other); err != nil {
		t.Fatal(err)
	}
	if got := string(own.Webhooks[1].ClientConfig.CABundle); got != "authority" {
		t.Errorf("own bundle: got %q, want authority", got)
	}
	if got := string(other.Webhooks[0].ClientConfig.CABundle); got != "" {
		t.Errorf("other's bundle: got %q, want none", got)
	}
}
