package deploy

import (
	"errors"
	"fmt"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
)

// class is an object's place in the order of applying.
type class int

const (
	definition class = iota // custom resource definitions
	namespace               // namespaces
	support                 // what workloads refer to: accounts, RBAC, configuration, and objects of unknown kinds
	service                 // Services
	workload                // what runs pods
	admission               // webhooks: earlier they would refuse the objects that make them work
)

// object is one Kubernetes object and where it came from.
type object struct {
	*unstructured.Unstructured
	where string // "file:line", or what made the object
}

// name returns "deployment/gateway", as kubectl would have it typed.
func (o object) name() string { return strings.ToLower(o.GetKind()) + "/" + o.GetName() }

func (o object) class() class {
	group, kind := o.GroupVersionKind().Group, o.GetKind()
	switch {
	case group == apiextensions.GroupName && kind == "CustomResourceDefinition":
		return definition
	case group == "" && kind == "Namespace":
		return namespace
	case group == "" && kind == "Service":
		return service
	case group == "admissionregistration.k8s.io":
		return admission
	case manifest.PodSpec(group, kind) != nil:
		return workload
	}
	return support
}

// shared reports whether the object is one for all suites.
func (o object) shared() bool {
	return manifest.Shared(o.GroupVersionKind().Group, o.GetKind())
}

func (o object) isAccount() bool {
	return o.GroupVersionKind().Group == "" && o.GetKind() == "ServiceAccount"
}

// classes groups objects by class and keeps their order within one.
func classes(objects []object) map[class][]object {
	groups := map[class][]object{}
	for _, o := range objects {
		groups[o.class()] = append(groups[o.class()], o)
	}
	return groups
}

func split(objects []object, wanted class) (of, rest []object) {
	for _, o := range objects {
		if o.class() == wanted {
			of = append(of, o)
		} else {
			rest = append(rest, o)
		}
	}
	return of, rest
}

func workloads(objects []object) []object {
	of, _ := split(objects, workload)
	return of
}

// decoder checks objects against the Go types of the kinds that the client knows.
type decoder struct{ strict runtime.Decoder }

func newDecoder() (decoder, error) {
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), apiextensions.AddToScheme(known)); err != nil {
		return decoder{}, fmt.Errorf("registering Kubernetes types: %w", err)
	}
	return decoder{serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()}, nil
}

// object returns m as an object. A kind that the client knows must have the fields of its Go type and no others; the
// object stays what the manifest says, because the typed form would add empty fields that apply would then own.
func (d decoder) object(m manifest.Object) (object, error) {
	o := object{&unstructured.Unstructured{Object: m.Content}, m.Where()}
	if o.GetName() == "" {
		return object{}, fmt.Errorf("%s: %s has no metadata.name", o.where, o.GetKind())
	}
	data, err := o.MarshalJSON()
	if err != nil {
		return object{}, fmt.Errorf("%s: encoding %s: %w", o.where, o.name(), err)
	}
	_, _, err = d.strict.Decode(data, nil, nil)
	switch strict, isStrict := runtime.AsStrictDecodingError(err); {
	case err == nil || runtime.IsNotRegisteredError(err):
		return o, nil
	case isStrict:
		return object{}, fmt.Errorf("%s: %s: %w", o.where, o.name(), errors.Join(strict.Errors()...))
	}
	return object{}, fmt.Errorf("%s: %s: %w", o.where, o.name(), err)
}
