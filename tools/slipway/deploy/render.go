package deploy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
)

const (
	// suiteLabel marks what slipway applied; its value is the suite's name.
	suiteLabel = "slipway.kubernaut.ai/suite"
	// copyLabel marks the copy of a namespace; its value is the name in the manifests.
	copyLabel = "slipway.kubernaut.ai/copy-of"
	// pullSecret is the imagePullSecret's name in every namespace with workloads or accounts.
	pullSecret = "slipway-registry"
)

// platform is the namespace that the suite's objects go to.
func (c Config) platform() string {
	if c.Copied {
		return manifest.CopyName(c.Namespace, c.Suite)
	}
	return c.Namespace
}

// render turns the manifests into the objects to apply, except for what only the cluster can tell: scopes and ports.
func render(config Config, dockerConfig []byte) ([]object, error) {
	objects, err := read(config)
	if err != nil {
		return nil, fault.New(fault.Usage, err)
	}
	if err := errors.Join(checkGenerated(objects), checkExpose(config, objects)); err != nil {
		return nil, fault.New(fault.Usage, err)
	}
	objects = withNamespace(objects, config.platform())
	for _, o := range workloads(objects) {
		deliver(o, config.References, dockerConfig != nil)
	}
	if dockerConfig != nil {
		letPull(objects)
		objects = append(objects, pullSecrets(objects, config.platform(), dockerConfig)...)
	}
	for _, o := range objects {
		mark(o, config)
	}
	if err := stampConfig(objects, config.platform()); err != nil {
		return nil, fault.New(fault.Usage, err)
	}
	return objects, nil
}

// read parses every manifest and reports the errors of all of them.
func read(config Config) ([]object, error) {
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	var parsed []manifest.Object
	var errs []error
	names := slices.Sorted(maps.Keys(config.References))
	for _, file := range config.Manifests {
		found, err := manifest.Parse(file)
		errs = append(errs, err, manifest.CheckImages(found, names))
		parsed = append(parsed, found...)
	}
	if config.Copied {
		parsed = manifest.Copy(parsed, config.Namespace, config.Suite)
	}
	var objects []object
	for _, m := range parsed {
		o, err := decoder.object(m)
		errs = append(errs, err)
		objects = append(objects, o)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return objects, checkUnique(objects, config.platform())
}

func checkUnique(objects []object, defaultNamespace string) error {
	first := map[string]string{}
	for _, o := range objects {
		key := o.GroupVersionKind().GroupKind().String() + " " + namespaceOf(o, defaultNamespace) + "/" + o.GetName()
		if where, twice := first[key]; twice {
			return fmt.Errorf("%s: %s is in %s already", o.where, o.name(), where)
		}
		first[key] = o.where
	}
	return nil
}

// namespaceOf is meant for namespaced kinds.
func namespaceOf(o object, defaultNamespace string) string {
	if ns := o.GetNamespace(); ns != "" {
		return ns
	}
	return defaultNamespace
}

func withNamespace(objects []object, name string) []object {
	exists := slices.ContainsFunc(objects, func(o object) bool { return o.class() == namespace && o.GetName() == name })
	if exists {
		return objects
	}
	return append(objects, newObject("v1", "Namespace", "", name, "the suite's namespace", nil))
}

func newObject(apiVersion, kind, namespace, name, where string, content map[string]any) object {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(o.Object, content)
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetName(name)
	if namespace != "" {
		o.SetNamespace(namespace)
	}
	return object{o, where}
}

func mark(o object, config Config) {
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[suiteLabel] = config.Suite
	if o.shared() {
		labels[suiteLabel] = sharedBy
	}
	if config.Copied && o.class() == namespace {
		labels[copyLabel] = strings.TrimSuffix(o.GetName(), manifest.CopyName("", config.Suite))
	}
	o.SetLabels(labels)
}

// deliver writes the delivered references into the containers. Both routes deliver by digest, so a pull is right only
// when the node does not have the image: IfNotPresent, whatever the manifest says.
func deliver(o object, references map[string]string, withSecret bool) {
	spec := podSpec(o)
	for _, list := range manifest.ContainerLists() {
		containers, _ := spec[list].([]any)
		for _, item := range containers {
			container, _ := item.(map[string]any)
			if name, ok := container["image"].(string); ok {
				container["image"] = references[name]
				container["imagePullPolicy"] = string(corev1.PullIfNotPresent)
			}
		}
	}
	if spec == nil {
		return
	}
	// Without a name, apply cannot take back the name of an earlier run: the server keeps a copy in the deprecated field
	// serviceAccount, which nobody owns.
	if name, _ := spec["serviceAccountName"].(string); name == "" {
		spec["serviceAccountName"] = "default"
	}
	if withSecret {
		addPullSecret(spec)
	}
}

// letPull gives the secret to the manifests' accounts, too: the pods that a controller makes are in no manifest.
func letPull(objects []object) {
	for _, o := range objects {
		if o.isAccount() {
			addPullSecret(o.Object)
		}
	}
}

// addPullSecret takes a pod's specification or a ServiceAccount.
func addPullSecret(of map[string]any) {
	secrets, _ := of["imagePullSecrets"].([]any)
	of["imagePullSecrets"] = append(secrets, map[string]any{"name": pullSecret})
}

// podSpec returns the object's own map, nil when the object has none.
func podSpec(o object) map[string]any {
	at := o.Object
	for _, key := range manifest.PodSpec(o.GroupVersionKind().Group, o.GetKind()) {
		at, _ = at[key].(map[string]any)
	}
	return at
}

// pullSecrets returns one secret for each namespace with workloads or accounts.
func pullSecrets(objects []object, platform string, dockerConfig []byte) []object {
	in := map[string]bool{}
	for _, o := range objects {
		if o.class() == workload || o.isAccount() {
			in[namespaceOf(o, platform)] = true
		}
	}
	var secrets []object
	for _, ns := range slices.Sorted(maps.Keys(in)) {
		secrets = append(secrets, newObject("v1", "Secret", ns, pullSecret, "the registry's credentials", map[string]any{
			"type": string(corev1.SecretTypeDockerConfigJson),
			// Not stringData: the server does not store that field, so that every apply would be a change.
			"data": map[string]any{corev1.DockerConfigJsonKey: base64.StdEncoding.EncodeToString(dockerConfig)},
		}))
	}
	return secrets
}
