package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// WriteJSON sends value as the response.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(value)
}

// CheckJSON refuses (415) a body whose Content-Type is neither absent nor application/json, in any charset.
func CheckJSON(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(header); err == nil && media == "application/json" {
		return nil
	}
	return problem.New(http.StatusUnsupportedMediaType, "Content-Type must be application/json, got %q", header)
}

// ReadBody returns the whole body: 413 when it is larger than the server allows, 400 when it is empty, broken off or not
// UTF-8.
func ReadBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(http.StatusRequestEntityTooLarge, "the body must be at most %d bytes", tooLarge.Limit)
	case err != nil:
		return nil, problem.Invalid("the body ended early", nil)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, problem.Invalid("the body must hold a JSON document, got nothing", nil)
	case !utf8.Valid(body):
		return nil, problem.Invalid("the body must be UTF-8", nil)
	}
	return body, nil
}

// DecodeStrict reads the request's JSON body into target: content type checked, unknown fields and trailing data
// refused, the field to blame named. Its errors are problems.
func DecodeStrict(r *http.Request, target any) error { return decode(r, target, true) }

// Decode is DecodeStrict for formats that others define: unknown fields are ignored.
func Decode(r *http.Request, target any) error { return decode(r, target, false) }

func decode(r *http.Request, target any, strict bool) error {
	if err := CheckJSON(r); err != nil {
		return err
	}
	body, err := ReadBody(r)
	if err != nil {
		return err
	}
	return Unmarshal(body, target, strict)
}

// Unmarshal decodes one JSON document; its errors are problems that name the field.
func Unmarshal(body []byte, target any, strict bool) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if strict {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(target); err != nil {
		return explain(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return problem.Invalid("the body must hold one JSON document, got more after it", nil)
	}
	return nil
}

func explain(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		message := fmt.Sprintf("must be %s, got %s", jsonName(wrongType.Type.Kind().String()), wrongType.Value)
		if wrongType.Field == "" {
			return problem.Invalid("the body "+message, nil)
		}
		return problem.Invalid("the body has a field of the wrong type", map[string]string{jsonPath(wrongType.Field): message})
	}
	// encoding/json has no type for this error; its text has been `json: unknown field "x"` since Go 1.10.
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem.Invalid("the body has an unknown field", map[string]string{strings.Trim(field, `"`): "unknown field"})
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return problem.Invalid(fmt.Sprintf("the body is not JSON: %s at byte %d", syntax, syntax.Offset), nil)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return problem.Invalid("the body is not JSON: it ends early", nil)
	}
	return problem.Invalid("the body is not valid: "+err.Error(), nil)
}

// jsonPath leaves out the names of embedded Go types, which encoding/json puts into the path. They start with a capital;
// the platform's JSON names do not.
func jsonPath(path string) string {
	segments := slices.DeleteFunc(strings.Split(path, "."), func(segment string) bool {
		return segment != "" && segment[0] >= 'A' && segment[0] <= 'Z'
	})
	return strings.Join(segments, ".")
}

func jsonName(kind string) string {
	switch {
	case kind == "struct" || kind == "map":
		return "an object"
	case kind == "slice" || kind == "array":
		return "a list"
	case kind == "string":
		return "a string"
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint"):
		return "a whole number"
	}
	return "a number"
}
