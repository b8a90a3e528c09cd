// Package ordered holds JSON documents whose objects keep the order of their keys, and writes them the way that jq does.
//
// An image's digest is the digest of such bytes, so the order of keys, the indentation (two spaces) and the escapes are
// part of the result. A document is one of *Object, []any, string, json.Number, bool and nil. Numbers keep their
// literal text. It is no general JSON package: there are no struct tags and no streaming.
package ordered

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Object is a JSON object that remembers the order in which its keys first appeared. The zero value is an empty object.
// It is not safe for concurrent use.
type Object struct {
	keys   []string
	values map[string]any
}

// New returns an object of alternating keys (strings) and values.
func New(pairs ...any) *Object {
	o := &Object{}
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// Pairs returns an object of "key=value" lines; empty ones are skipped, a later key replaces an earlier one in its place.
func Pairs(text string) *Object {
	o := &Object{}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		o.Set(key, value)
	}
	return o
}

// Keys returns the keys in their order. The slice is the object's own: do not change it.
func (o *Object) Keys() []string { return o.keys }

// Get returns the value of key, or nil when there is none.
func (o *Object) Get(key string) any { return o.values[key] }

// String returns the value of key when it is a string, else "".
func (o *Object) String(key string) string {
	s, _ := o.values[key].(string)
	return s
}

// Object returns the value of key when it is an object, else nil.
func (o *Object) Object(key string) *Object {
	v, _ := o.values[key].(*Object)
	return v
}

// List returns the value of key when it is an array, else nil.
func (o *Object) List(key string) []any {
	v, _ := o.values[key].([]any)
	return v
}

// Set replaces the value of key in its place, or appends the key.
func (o *Object) Set(key string, value any) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	if o.values == nil {
		o.values = map[string]any{}
	}
	o.values[key] = value
}

// Delete removes key; a later Set appends it at the end.
func (o *Object) Delete(key string) {
	if _, known := o.values[key]; !known {
		return
	}
	delete(o.values, key)
	for i, k := range o.keys {
		if k == key {
			o.keys = append(o.keys[:i:i], o.keys[i+1:]...)
			return
		}
	}
}

// Merge lays from over o: objects are merged key by key, every other value (null included) replaces what was there.
func (o *Object) Merge(from *Object) {
	for _, key := range from.keys {
		ours, theirs := o.Object(key), from.Object(key)
		if ours != nil && theirs != nil {
			ours.Merge(theirs)
			continue
		}
		o.Set(key, from.values[key])
	}
}

// Parse decodes one JSON document. Anything but white space after it is an error.
func Parse(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec)
	if err != nil {
		return nil, fmt.Errorf("parsing JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parsing JSON: more than one document")
	}
	return v, nil
}

// ParseObject decodes a JSON document that must be an object.
func ParseObject(data []byte) (*Object, error) {
	v, err := Parse(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, errors.New("parsing JSON: not an object")
	}
	return o, nil
}

func parseValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return parseObject(dec)
	case json.Delim('['):
		return parseArray(dec)
	}
	return token, nil
}

func parseObject(dec *json.Decoder) (*Object, error) {
	o := &Object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		o.Set(key.(string), value)
	}
	_, err := dec.Token()
	return o, err
}

func parseArray(dec *json.Decoder) ([]any, error) {
	list := []any{}
	for dec.More() {
		value, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := dec.Token()
	return list, err
}
