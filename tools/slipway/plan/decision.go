package plan

import (
	"fmt"
	"strings"
)

// Destination is where images go.
type Destination string

const (
	Auto     Destination = "auto"     // decided by IMAGE_REGISTRY and IMAGE_TAG
	Registry Destination = "registry" // pushed to a registry, from which the nodes pull
	Kind     Destination = "kind"     // streamed into the nodes of the kind cluster
)

// Fallback says what a registry that cannot be used leads to.
type Fallback string

const (
	FallbackKind  Fallback = "kind"  // deliver the same digests into kind, with a warning
	FallbackNever Fallback = "never" // stop with an error
)

// KindRepository is the registry part of references that exist only inside kind's nodes. The name cannot be resolved
// (.local), so a node never asks anybody for such an image.
const KindRepository = "kind.local"

// Input is all that the decision looks at.
type Input struct {
	Registry    string      // IMAGE_REGISTRY; empty counts as not set
	Tag         string      // IMAGE_TAG; empty counts as not set
	Destination Destination // --destination; empty is auto
	Fallback    Fallback    // --fallback; empty is kind
	Automated   bool        // the variables are CI's: a person's shell may have them from yesterday
}

// Decision is where a run's images go, and why. It is made once.
type Decision struct {
	Destination Destination // Registry or Kind
	Reason      string      // "IMAGE_REGISTRY and IMAGE_TAG are not set"
	Registry    string      // prefix of every reference: IMAGE_REGISTRY, or KindRepository
	Tag         string      // IMAGE_TAG; empty for kind
	Fallback    bool        // whether a registry that denies or does not answer leads to kind
	Stray       bool        // nothing but variables of a person's shell leads to the registry
}

// String is the one line that every run prints first.
func (d Decision) String() string {
	line := fmt.Sprintf("destination: %s, because %s", d.Destination, d.Reason)
	if d.Stray {
		line += " in this shell, not by CI; into kind instead: " + unsetBoth[0]
	}
	return line
}

// Repository is the repository of the named image, without tag and digest.
func (d Decision) Repository(image string) string { return d.Registry + "/" + image }

// Decide makes the decision. Both variables unset is kind, both set is registry, one alone is an error; --destination
// overrides. Its errors are InputErrors.
func Decide(in Input) (Decision, error) {
	if err := in.check(); err != nil {
		return Decision{}, err
	}
	switch {
	case in.Destination == Kind:
		return Decision{Destination: Kind, Reason: "--destination=kind" + in.ignored(), Registry: KindRepository}, nil
	case in.Registry == "" && in.Tag == "" && in.Destination != Registry:
		return Decision{Destination: Kind, Reason: "IMAGE_REGISTRY and IMAGE_TAG are not set", Registry: KindRepository}, nil
	}
	if err := in.checkVariables(); err != nil {
		return Decision{}, err
	}
	stray := !in.Automated && in.Destination != Registry
	reason := fmt.Sprintf("IMAGE_REGISTRY=%s and IMAGE_TAG=%s are set", in.Registry, in.Tag)
	if in.Destination == Registry {
		reason = fmt.Sprintf("--destination=registry, with IMAGE_REGISTRY=%s and IMAGE_TAG=%s", in.Registry, in.Tag)
	}
	return Decision{Destination: Registry, Reason: reason, Registry: in.Registry, Tag: in.Tag, Fallback: in.Fallback != FallbackNever, Stray: stray}, nil
}

func (in Input) check() error {
	switch in.Destination {
	case "", Auto, Registry, Kind:
	default:
		return &InputError{
			Message: fmt.Sprintf("--destination must be auto, registry or kind, got %q", in.Destination),
			Hints:   []string{"--destination=kind"},
		}
	}
	switch in.Fallback {
	case "", FallbackKind, FallbackNever:
		return nil
	}
	return &InputError{
		Message: fmt.Sprintf("--fallback must be kind or never, got %q", in.Fallback),
		Hints:   []string{"--fallback=never"},
	}
}

// ignored names the variables that --destination=kind overrules. Their values are not looked at.
func (in Input) ignored() string {
	var set []string
	for _, v := range []struct{ name, value string }{{"IMAGE_REGISTRY", in.Registry}, {"IMAGE_TAG", in.Tag}} {
		if v.value != "" {
			set = append(set, v.name)
		}
	}
	switch len(set) {
	case 0:
		return ""
	case 1:
		return " (" + set[0] + " is ignored)"
	}
	return " (" + strings.Join(set, " and ") + " are ignored)"
}

func (in Input) checkVariables() error {
	switch {
	case in.Registry == "" && in.Tag == "":
		return &InputError{Message: "--destination=registry needs IMAGE_REGISTRY and IMAGE_TAG, neither is set", Hints: []string{exampleRegistry, exampleTag}}
	case in.Registry == "":
		return &InputError{Message: "IMAGE_TAG is set but IMAGE_REGISTRY is not", Hints: []string{exampleRegistry, "unset IMAGE_TAG"}}
	case in.Tag == "":
		return &InputError{Message: "IMAGE_REGISTRY is set but IMAGE_TAG is not", Hints: []string{exampleTag, "unset IMAGE_REGISTRY"}}
	}
	if err := CheckRegistry(in.Registry); err != nil {
		return err
	}
	return CheckTag(in.Tag)
}
