package image

import (
	"fmt"
	"os"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// configure lays the attributes over the image's config and manifest. The order of the steps is the order in which new
// keys appear in the config.
func (d *draft) configure(spec Spec) error {
	overlay, inner := ordered.New(), ordered.New()
	steps := []struct {
		path  string
		apply func(text string)
	}{
		{spec.Created, func(text string) { overlay.Set("created", text) }},
		{spec.Entrypoint, func(text string) {
			// A base's arguments belong to the base's entrypoint.
			inner.Set("Cmd", nil)
			inner.Set("Entrypoint", arguments(text))
		}},
		{spec.Cmd, func(text string) { inner.Set("Cmd", arguments(text)) }},
		{spec.ExposedPorts, func(text string) { inner.Set("ExposedPorts", set(text)) }},
		{spec.Volumes, func(text string) { inner.Set("Volumes", set(text)) }},
		{spec.Env, func(text string) { inner.Set("Env", environment(d.baseEnv(), text)) }},
		{spec.Labels, func(text string) { inner.Set("Labels", ordered.Pairs(text)) }},
		{spec.Annotations, func(text string) { annotate(d.manifest, text) }},
	}
	for _, step := range steps {
		if step.path == "" {
			continue
		}
		text, err := os.ReadFile(step.path)
		if err != nil {
			return fmt.Errorf("reading configuration: %w", err)
		}
		step.apply(string(text))
	}
	setNonEmpty(inner, "User", spec.User)
	setNonEmpty(inner, "WorkingDir", spec.Workdir)
	d.overlay(overlay, inner)
	return nil
}

func (d *draft) overlay(overlay, inner *ordered.Object) {
	if len(inner.Keys()) > 0 {
		overlay.Set("config", inner)
	}
	d.config.Merge(overlay)
	config := d.config.Object("config")
	if config != nil && config.Get("Cmd") == nil {
		config.Delete("Cmd")
	}
}

func (d *draft) baseEnv() []any {
	config := d.config.Object("config")
	if config == nil {
		return nil
	}
	return config.List("Env")
}

func setNonEmpty(o *ordered.Object, key, value string) {
	if value != "" {
		o.Set(key, value)
	}
}

// arguments splits a file of one argument per line. Empty ones are dropped, and "%5Cn" stands for a newline inside one.
func arguments(text string) []any {
	list := []any{}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			list = append(list, strings.ReplaceAll(line, "%5Cn", "\n"))
		}
	}
	return list
}

// set reads a comma separated list as the config's form of a set: an object of empty objects. The last line's newline,
// if any, is part of the last element, which is why the macro writes none.
func set(text string) *ordered.Object {
	o := ordered.New()
	if text == "" {
		return o
	}
	for element := range strings.SplitSeq(text, ",") {
		o.Set(element, ordered.New())
	}
	return o
}

// annotate adds "key=value" lines to a manifest's annotations.
func annotate(manifest *ordered.Object, text string) {
	annotations := manifest.Object("annotations")
	if annotations == nil {
		annotations = ordered.New()
	}
	annotations.Merge(ordered.Pairs(text))
	manifest.Set("annotations", annotations)
}
