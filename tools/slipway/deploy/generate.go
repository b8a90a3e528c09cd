package deploy

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// generateAnnotation makes slipway fill a Secret: its value is the key that gets a random text when the Secret is applied
// for the first time. Other values of stringData may hold it as $(<key>). No manifest, plan, log or report ever has it.
const generateAnnotation = "slipway.kubernaut.ai/generate"

// reference is what stands for the value in other values.
var reference = regexp.MustCompile(`\$\(([^()]*)\)`)

// secretKey is https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data.
var secretKey = regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)

// generatedKey returns the key that slipway fills, "" for an object that needs nothing.
func generatedKey(o object) string { return o.GetAnnotations()[generateAnnotation] }

// isSecret reports whether the object is the API's own Secret.
func isSecret(o object) bool { return o.GroupVersionKind().Group == "" && o.GetKind() == "Secret" }

// checkGenerated reports every annotation that cannot be followed.
func checkGenerated(objects []object) error {
	var errs []error
	for _, o := range objects {
		if err := checkGeneration(o); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: annotation %s: %w", o.where, o.name(), generateAnnotation, err))
		}
	}
	return errors.Join(errs...)
}

func checkGeneration(o object) error {
	key, present := o.GetAnnotations()[generateAnnotation]
	texts, _, _ := unstructured.NestedStringMap(o.Object, "stringData")
	_, hasData := o.Object["data"]
	_, given := texts[key]
	switch {
	case !present:
		return nil
	case !isSecret(o):
		return errors.New("only a Secret can be filled")
	case !secretKey.MatchString(key):
		return fmt.Errorf("must be a key of the Secret, got %q", key)
	case hasData:
		return errors.New("the Secret has data; write them into stringData")
	case given:
		return fmt.Errorf("stringData has %q already", key)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		for _, found := range reference.FindAllStringSubmatch(texts[name], -1) {
			if found[1] != key {
				return fmt.Errorf("stringData %q refers to %q; the generated key is %q", name, found[1], key)
			}
		}
	}
	return nil
}

// generate returns the objects with their generated values. One that the cluster has is kept: whoever uses it has it.
func (c *cluster) generate(ctx context.Context, objects []object) ([]object, error) {
	filled := make([]object, 0, len(objects))
	for _, o := range objects {
		if key := generatedKey(o); key != "" {
			value, err := c.secretValue(ctx, o, key)
			if err != nil {
				return nil, err
			}
			o = fill(o, key, value)
		}
		filled = append(filled, o)
	}
	return filled, nil
}

// secretValue returns the cluster's value, or a new one when it has none.
func (c *cluster) secretValue(ctx context.Context, o object, key string) (string, error) {
	resource, err := c.resource(o)
	if err != nil {
		return "", err
	}
	live, err := resource.Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", fmt.Errorf("%s: reading %s: %w", o.where, o.name(), err)
	}
	if err == nil {
		if value := storedValue(live, key); value != "" {
			return value, nil
		}
	}
	return rand.Text(), nil // 26 letters and digits, at least 128 bits; they need no escape in a URL
}

// storedValue returns the decoded value, "" when there is none.
func storedValue(live *unstructured.Unstructured, key string) string {
	encoded, _, _ := unstructured.NestedString(live.Object, "data", key)
	value, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	return string(value)
}

// fill returns the Secret with the value and all that refers to it. It becomes data: the server does not store stringData,
// so that every apply would be a change.
func fill(o object, key, value string) object {
	texts, _, _ := unstructured.NestedStringMap(o.Object, "stringData")
	data := map[string]any{key: base64.StdEncoding.EncodeToString([]byte(value))}
	for name, text := range texts {
		data[name] = base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(text, "$("+key+")", value)))
	}
	secret := object{o.DeepCopy(), o.where}
	delete(secret.Object, "stringData")
	secret.Object["data"] = data
	return secret
}
