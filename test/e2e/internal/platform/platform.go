package platform

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// Patience is how long a suite waits for a change of the cluster; on a loaded machine a pod takes long to start.
const Patience = 3 * time.Minute

const interval = 200 * time.Millisecond

// Platform is one run against the deployed platform. It is safe for concurrent use.
type Platform struct {
	Environment
	// Run is a random id, fit for names of objects, of files and of alerts.
	Run string
	// Client reads, writes and watches custom resources.
	Client client.WithWatch
	// Kube reaches the subresources: scale, tokens, proxies.
	Kube kubernetes.Interface
	// api is the API server itself, for what the clients cannot do.
	api *wire.Client
	// config is the way there, as the cluster's administrator.
	config *rest.Config
}

// Connect returns the platform of env under a fresh run id.
func Connect(env Environment) (*Platform, error) {
	config, err := clientcmd.BuildConfigFromFlags("", env.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %q: %w", env.Kubeconfig, err)
	}
	config.QPS = -1 // no client-side queue
	objects, err := newClient(config)
	if err != nil {
		return nil, err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	id := make([]byte, 4)
	rand.Read(id) // never fails since Go 1.24
	return &Platform{
		Environment: env, Run: hex.EncodeToString(id), Client: objects, Kube: kube,
		api: wire.NewClientOver(config.Host, transport), config: config,
	}, nil
}

func newClient(config *rest.Config) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(api.AddToScheme(scheme), clientgoscheme.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("registering API types: %w", err)
	}
	objects, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return objects, nil
}

// As returns a client that acts as a user with all rights. The API server takes the name for authenticated.
func (p *Platform) As(user string) (client.Client, error) {
	config := rest.CopyConfig(p.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters", "system:authenticated"}}
	return newClient(config)
}

// Eventually polls until done returns nil, and returns its last error when Patience is over.
func Eventually(ctx context.Context, done func(ctx context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, interval, Patience, true, func(ctx context.Context) (bool, error) {
		err := done(ctx)
		// A call that the end of the patience broke off says less than the one before.
		if err == nil || last == nil || ctx.Err() == nil {
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w, at last: %w", err, last)
	}
	return nil
}
