package deploy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	// Requests per second and at once, of all suites of a session together. client-go's default of 5 would make an unchanged
	// suite wait for itself.
	queriesPerSecond, burst = 100, 200
	// discoveryLag is how long the API server may take to list a kind after its definition is established.
	discoveryLag = 15 * time.Second
)

// cluster is the API server that objects go to.
type cluster struct {
	dynamic dynamic.Interface
	typed   kubernetes.Interface
	mapper  meta.ResettableRESTMapper
	applied sync.Map // key(object) to version: what a wait has to see
}

// version says which state of an object was applied.
type version struct {
	uid        types.UID
	generation int64
}

func connect(config Target) (*cluster, error) {
	rc, err := clientcmd.BuildConfigFromFlags("", config.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %q: %w", config.Kubeconfig, err)
	}
	rc.QPS, rc.Burst = queriesPerSecond, burst
	rc.UserAgent = fieldManager
	rc.WarningHandler = warnings{config.Progress}
	dynamicClient, err := dynamic.NewForConfig(rc)
	if err != nil {
		return nil, fmt.Errorf("making a client from kubeconfig %q: %w", config.Kubeconfig, err)
	}
	typed, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return nil, fmt.Errorf("making a client from kubeconfig %q: %w", config.Kubeconfig, err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(typed.Discovery()))
	return &cluster{dynamic: dynamicClient, typed: typed, mapper: mapper}, nil
}

// warnings prints what the API server warns of: deprecated versions, unknown fields of custom resources.
type warnings struct{ progress progress.Reporter }

var _ rest.WarningHandler = warnings{}

func (w warnings) HandleWarningHeader(code int, _, text string) {
	// 299 is the one code that Kubernetes uses: https://kubernetes.io/docs/reference/using-api/api-concepts/#warnings
	if code == 299 && text != "" {
		w.progress.Line("warning: %s", text)
	}
}

// place gives every namespaced object a namespace.
func (c *cluster) place(namespace string, objects []object) error {
	for _, o := range objects {
		mapping, err := c.mapping(o.GroupVersionKind())
		if err != nil {
			return fmt.Errorf("%s: finding the kind of %s: %w", o.where, o.name(), err)
		}
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace && o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
	}
	return nil
}

func (c *cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	return c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// await waits until discovery lists the kinds of just established definitions.
func (c *cluster) await(ctx context.Context, kinds []schema.GroupKind) error {
	for _, kind := range kinds {
		var last error
		err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, discoveryLag, true, func(context.Context) (bool, error) {
			if _, last = c.mapper.RESTMapping(kind); meta.IsNoMatchError(last) {
				c.mapper.Reset()
				return false, nil
			}
			return last == nil, last
		})
		if err != nil {
			return fmt.Errorf("discovering %s: %w", kind, last)
		}
	}
	return nil
}

func (c *cluster) resource(o object) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(o.GroupVersionKind())
	if err != nil {
		return nil, fmt.Errorf("%s: finding the kind of %s: %w", o.where, o.name(), err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return c.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
	}
	return c.dynamic.Resource(mapping.Resource), nil
}
