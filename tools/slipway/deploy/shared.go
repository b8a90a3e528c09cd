package deploy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// sharedBy is the label's value on what belongs to no single suite.
const sharedBy = "shared"

// renderAll renders every suite and takes out what they share, each object once.
func renderAll(configs []Config, dockerConfig []byte) ([]*member, []object, error) {
	var members []*member
	var errs []error
	known := common{}
	for _, config := range configs {
		if config.Progress == nil {
			config.Progress = progress.Discard()
		}
		if config.Timeout <= 0 {
			config.Timeout = defaultTimeout
		}
		objects, err := render(config, dockerConfig)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m := &member{config: config, namespaces: namespaces(config, objects)}
		for _, o := range objects {
			if !o.shared() {
				m.objects = append(m.objects, o)
				continue
			}
			errs = append(errs, known.add(o, config.Suite))
		}
		members = append(members, m)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, fault.New(fault.Usage, err)
	}
	return members, known.objects(), nil
}

// common is what suites share, by key.
type common map[string]shared

type shared struct {
	object
	suite string // the first that has it
	order int
}

// add refuses an object that another suite has with other content: whoever came last would win.
func (c common) add(o object, suite string) error {
	first, known := c[key(o)]
	if !known {
		c[key(o)] = shared{o, suite, len(c)}
		return nil
	}
	if !reflect.DeepEqual(first.Object, o.Object) {
		return fmt.Errorf("%s: %s of suite %q differs from that of suite %q in %s, and all suites share it", o.where, o.name(), suite, first.suite, first.where)
	}
	return nil
}

// objects are in the order in which they were added.
func (c common) objects() []object {
	objects := make([]object, len(c))
	for _, s := range c {
		objects[s.order] = s.object
	}
	return objects
}

// namespaces maps the names in the manifests to those in the cluster.
func namespaces(config Config, objects []object) map[string]string {
	names := map[string]string{config.Namespace: config.platform()}
	for _, o := range objects {
		if o.class() != namespace {
			continue
		}
		original := o.GetName()
		if config.Copied {
			original = o.GetLabels()[copyLabel]
		}
		names[original] = o.GetName()
	}
	return names
}

// inNamespaces reports whether the object is in one of the namespaces.
func inNamespaces(o object, names []string) bool { return slices.Contains(names, o.GetNamespace()) }
