package deploy

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
)

// configAnnotation on a pod template is the hash of what the pods read from ConfigMaps and Secrets. Kubernetes starts no
// pod again when these change; a changed template it rolls out.
const configAnnotation = "slipway.kubernaut.ai/config"

// mention is one ConfigMap or Secret that a pod reads.
type mention struct{ Kind, Name string }

// stampConfig annotates the pod templates that mention ConfigMaps or Secrets. One that the manifests do not have counts as
// absent: its later arrival rolls the pods. Pods without a template stay as they are.
func stampConfig(objects []object, defaultNamespace string) error {
	configs := map[string]object{}
	for _, o := range objects {
		if o.GroupVersionKind().Group == "" && (o.GetKind() == "ConfigMap" || isSecret(o)) {
			configs[configKey(mention{o.GetKind(), o.GetName()}, namespaceOf(o, defaultNamespace))] = o
		}
	}
	for _, o := range workloads(objects) {
		template, spec := podTemplate(o), podSpec(o)
		read := mentions(spec)
		if template == nil || len(read) == 0 {
			continue
		}
		hash, err := configHash(read, func(m mention) (object, bool) {
			config, found := configs[configKey(m, namespaceOf(o, defaultNamespace))]
			return config, found
		})
		if err != nil {
			return fmt.Errorf("%s: hashing the configuration of %s: %w", o.where, o.name(), err)
		}
		annotate(template, configAnnotation, hash)
	}
	return nil
}

func configKey(m mention, namespace string) string { return m.Kind + " " + namespace + "/" + m.Name }

// podTemplate returns the object's own map, nil for a Pod, which is no template.
func podTemplate(o object) map[string]any {
	path := manifest.PodSpec(o.GroupVersionKind().Group, o.GetKind())
	if len(path) < 2 {
		return nil
	}
	at := o.Object
	for _, key := range path[:len(path)-1] {
		at, _ = at[key].(map[string]any)
	}
	return at
}

func annotate(template map[string]any, name, value string) {
	meta, _ := template["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		template["metadata"] = meta
	}
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
		meta["annotations"] = annotations
	}
	annotations[name] = value
}

// mentions returns what a pod's specification names in volumes, projected volumes, env and envFrom, sorted. The fields'
// names are the same at all these places (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/).
func mentions(spec any) []mention { return mentionsThat(spec, func(bool) bool { return true }) }

// required is mentions without those that are optional at each place.
func required(spec any) []mention {
	return mentionsThat(spec, func(needed bool) bool { return needed })
}

func mentionsThat(spec any, fit func(needed bool) bool) []mention {
	found := map[mention]bool{}
	collect(spec, found)
	maps.DeleteFunc(found, func(_ mention, needed bool) bool { return !fit(needed) })
	return slices.SortedFunc(maps.Keys(found), func(a, b mention) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

// collect gathers mentions, and whether one of their places needs them.
func collect(value any, found map[mention]bool) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			collect(item, found)
		}
	case map[string]any:
		for key, item := range value {
			if m, ok := mentioned(key, item); ok {
				fields, _ := item.(map[string]any)
				found[m] = found[m] || fields["optional"] != true
			}
			collect(item, found)
		}
	}
}

// mentioned reads one field; a Secret's volume calls the name secretName.
func mentioned(key string, value any) (mention, bool) {
	kind := ""
	switch key {
	case "configMap", "configMapRef", "configMapKeyRef":
		kind = "ConfigMap"
	case "secret", "secretRef", "secretKeyRef":
		kind = "Secret"
	}
	fields, _ := value.(map[string]any)
	name, _ := fields["name"].(string)
	if name == "" {
		name, _ = fields["secretName"].(string)
	}
	return mention{kind, name}, kind != "" && name != ""
}

// configHash depends on what the pods can read and on nothing else: a ConfigMap with another label is the same. Of a Secret
// that slipway fills it takes the manifest, because the value stays the same as long as the Secret exists.
func configHash(read []mention, find func(mention) (object, bool)) (string, error) {
	hash := sha256.New()
	for _, m := range read {
		content := map[string]any{}
		config, found := find(m)
		if found {
			for _, field := range []string{"data", "binaryData", "stringData"} {
				content[field] = config.Object[field]
			}
			content["generated"] = generatedKey(config)
		}
		data, err := json.Marshal([]any{m, found, content})
		if err != nil {
			return "", err
		}
		hash.Write(append(data, '\n'))
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}
