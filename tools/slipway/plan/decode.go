package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// InputError is bad input: a plan, a descriptor, a flag or a variable that a person can correct. Hints are lines to type
// or, with "--" in front, flags of the run; at most two, and may be empty.
type InputError struct {
	Message string
	Hints   []string
}

func (e *InputError) Error() string { return e.Message }

// Decode reads a plan. name is what messages call the file. A field that this version does not know is an error: a plan
// that says more than the runner understands would run something else than what was declared.
func Decode(name string, data []byte) (Plan, error) {
	var p Plan
	if err := decode(data, &p); err != nil {
		return Plan{}, bad("reading plan %q: %v", name, err)
	}
	if err := p.validate(); err != nil {
		return Plan{}, bad("reading plan %q: %v", name, err)
	}
	return p, nil
}

// DecodeDescriptor reads an image's descriptor and holds it against itself: bytes against digests and sizes, layers
// against the manifest, diffIDs and platform against the configuration. The layers' bytes are not looked at.
func DecodeDescriptor(name string, data []byte) (Descriptor, error) {
	var d Descriptor
	if err := decode(data, &d); err != nil {
		return Descriptor{}, bad("reading descriptor %q: %v", name, err)
	}
	if err := d.validate(); err != nil {
		return Descriptor{}, bad("reading descriptor %q: %v", name, err)
	}
	return d, nil
}

// DecodeNodeImage reads the identity of the node image.
func DecodeNodeImage(name string, data []byte) (NodeImage, error) {
	var n NodeImage
	if err := strict(data, &n); err != nil {
		return NodeImage{}, bad("reading node image %q: %v", name, err)
	}
	if n.Reference == "" {
		return NodeImage{}, bad("reading node image %q: reference is empty", name)
	}
	if err := checkDigest(n.Digest); err != nil {
		return NodeImage{}, bad("reading node image %q: digest: %v", name, err)
	}
	return n, nil
}

func bad(format string, args ...any) error {
	return &InputError{Message: fmt.Sprintf(format, args...)}
}

// decode looks at the version before it refuses unknown fields, so that a file of a later version is called that.
func decode(data []byte, into any) error {
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return explain(err)
	}
	if head.Version == nil {
		return errors.New("version is missing")
	}
	if *head.Version != Version {
		return fmt.Errorf("version is %d, this slipway reads version %d", *head.Version, Version)
	}
	return strict(data, into)
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the end of the JSON value")
	}
	return nil
}

// explain says in the file's terms what encoding/json says in Go's types.
func explain(err error) error {
	var mismatch *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &mismatch):
		return err
	case mismatch.Field == "":
		return fmt.Errorf("it must be a JSON object, got %s", mismatch.Value)
	}
	return fmt.Errorf("%s has the wrong type, got %s", mismatch.Field, mismatch.Value)
}
