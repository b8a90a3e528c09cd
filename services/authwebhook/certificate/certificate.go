// Package certificate gives the webhook a serving certificate that the API server trusts.
//
// The first process makes a certificate and its authority and keeps both in a Secret, so that replicas and restarts serve
// the same one; then it writes the authority into the webhook configurations of its namespace. Nothing is mounted: a
// mounted Secret reaches a pod up to a minute late. A certificate that ends within a month is replaced at start.
//
// cert-manager and its like do the same for whole clusters; the platform does not require one.
package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

// SecretName is the Secret's name.
const SecretName = "authwebhook-certificate"

// remaining is the least life that a certificate has when a process starts with it; cert makes them for a year.
const remaining = 30 * 24 * time.Hour

// Keeper reads and makes certificates.
type Keeper struct {
	// Client reaches the Secret and the webhook configurations, without a cache. Required.
	Client client.Client
	// Namespace of the Secret and of the Service. Required.
	Namespace string
	// Service is the name that the API server calls. Required.
	Service string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Ensure returns the serving certificate and the authority, in PEM, that the API server must trust.
func (k Keeper) Ensure(ctx context.Context) (tls.Certificate, []byte, error) {
	var secret corev1.Secret
	err := k.Client.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: SecretName}, &secret)
	if client.IgnoreNotFound(err) != nil {
		return tls.Certificate{}, nil, fmt.Errorf("reading Secret %q: %w", SecretName, err)
	}
	if err == nil {
		if serving, ok := k.usable(secret.Data); ok {
			return serving, secret.Data[corev1.TLSCertKey], nil
		}
	}
	return k.renew(ctx, &secret, apierrors.IsNotFound(err))
}

// renew writes a fresh pair. When another replica is faster, its pair is taken.
func (k Keeper) renew(ctx context.Context, secret *corev1.Secret, absent bool) (tls.Certificate, []byte, error) {
	// The chain holds the authority behind the serving certificate, so that it serves as the bundle to trust as well.
	chain, key, err := cert.GenerateSelfSignedCertKey(k.host(), nil, []string{k.Service, k.Service + "." + k.Namespace})
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a certificate: %w", err)
	}
	secret.Type = corev1.SecretTypeTLS
	secret.Data = map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
	if absent {
		secret.ObjectMeta = metav1.ObjectMeta{Namespace: k.Namespace, Name: SecretName, Labels: map[string]string{"app.kubernetes.io/name": names.AuthWebhook, "app.kubernetes.io/part-of": "kubernaut"}}
		err = k.Client.Create(ctx, secret)
	} else {
		err = k.Client.Update(ctx, secret)
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		return k.Ensure(ctx)
	}
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("writing Secret %q: %w", SecretName, err)
	}
	serving, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("reading the made certificate: %w", err)
	}
	return serving, chain, nil
}

// usable reports whether a Secret's content is a pair for this host that lasts long enough.
func (k Keeper) usable(data map[string][]byte) (tls.Certificate, bool) {
	serving, err := tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return tls.Certificate{}, false
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(data[corev1.TLSCertKey])
	now := time.Now
	if k.Now != nil {
		now = k.Now
	}
	_, err = serving.Leaf.Verify(x509.VerifyOptions{DNSName: k.host(), Roots: authorities, CurrentTime: now().Add(remaining)})
	return serving, err == nil
}

// host is the name by which the API server calls a webhook's Service.
func (k Keeper) host() string { return k.Service + "." + k.Namespace + ".svc" }
