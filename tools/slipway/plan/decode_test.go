package plan_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func goodPlan() plan.Plan {
	return plan.Plan{
		Version: 1, Label: "//test/e2e:gateway", Name: "gateway", Namespace: "kubernaut-system",
		Images: []plan.Image{
			{Name: "gateway", Label: "//services/gateway:image", Descriptor: "_main/services/gateway/image.descriptor.json", Layout: "_main/services/gateway/image"},
			{Name: "datastorage", Label: "//services/datastorage:image", Descriptor: "_main/services/datastorage/image.descriptor.json"},
		},
		Manifests: []plan.Manifest{{Path: "_main/deploy/a.yaml", Short: "deploy/a.yaml"}},
		Expose:    []plan.Expose{{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}},
		Cluster:   plan.Cluster{NodeImage: "_main/node.json", Config: "_main/kind.yaml"},
		Test:      plan.Test{Binary: "_main/test/gateway_test", Timeout: "10m"},
	}
}

func TestDecode(t *testing.T) {
	want := goodPlan()
	got, err := plan.Decode("p.json", encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	edit := func(f func(*plan.Plan)) []byte { p := goodPlan(); f(&p); return encode(t, p) }
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "unexpected end of JSON input"},
		{"not JSON", []byte("plan"), "invalid character"},
		{"an array", []byte("[]"), "it must be a JSON object, got array"},
		{"version of another type", []byte(`{"version":"1"}`), "version has the wrong type, got string"},
		{"field of another type", []byte(`{"version":1,"images":"x"}`), "images has the wrong type, got string"},
		{"no version", []byte("{}"), "version is missing"},
		{"later version", []byte(`{"version":2,"new":1}`), "version is 2, this slipway reads version 1"},
		{"unknown field", []byte(`{"version":1,"imgaes":[]}`), `unknown field "imgaes"`},
		{"two values", append(encode(t, goodPlan()), "{}"...), "invalid character '{' after top-level value"},
		{"label", edit(func(p *plan.Plan) { p.Label = "x" }), `label must be a Bazel label, got "x"`},
		{"name", edit(func(p *plan.Plan) { p.Name = "Gateway" }), `name must be lower-case letters, digits and dashes, got "Gateway"`},
		{"namespace", edit(func(p *plan.Plan) { p.Namespace = "" }), `namespace must be lower-case letters, digits and dashes, got ""`},
		{"image name", edit(func(p *plan.Plan) { p.Images[1].Name = "a/../b" }), `images[1]: name must be a repository name in lower case, got "a/../b"`},
		{"image twice", edit(func(p *plan.Plan) { p.Images[1].Name = "gateway" }), `images[1]: image "gateway" is there twice`},
		{"image label", edit(func(p *plan.Plan) { p.Images[0].Label = "" }), `images[0]: label of image "gateway" is empty`},
		{"no descriptor", edit(func(p *plan.Plan) { p.Images[0].Descriptor = "" }), `images[0]: descriptor is empty`},
		{"escaping layout", edit(func(p *plan.Plan) { p.Images[0].Layout = "../x" }), `images[0]: layout must be a path below the runfiles, got "../x"`},
		{"absolute manifest", edit(func(p *plan.Plan) { p.Manifests[0].Path = "/etc/passwd" }), `manifests[0]: path must be a path below the runfiles, got "/etc/passwd"`},
		{"manifest twice", edit(func(p *plan.Plan) { p.Manifests = append(p.Manifests, p.Manifests[0]) }), `manifests[1]: manifest "deploy/a.yaml" is there twice`},
		{"manifest short", edit(func(p *plan.Plan) { p.Manifests[0].Short = "" }), `manifests[0]: short is empty`},
		{"expose service", edit(func(p *plan.Plan) { p.Expose[0].Service = "" }), `expose[0]: service must be a Service's name, got ""`},
		{"expose port", edit(func(p *plan.Plan) { p.Expose[0].Port = "HTTP" }), `expose[0]: port must be a Service port's name, got "HTTP"`},
		{"expose env", edit(func(p *plan.Plan) { p.Expose[0].Env = "A B" }), `expose[0]: env must be a variable's name that the runner does not set itself, got "A B"`},
		{"expose reserved", edit(func(p *plan.Plan) { p.Expose[0].Env = "PATH" }), `expose[0]: env must be a variable's name that the runner does not set itself, got "PATH"`},
		{"expose twice", edit(func(p *plan.Plan) { p.Expose = append(p.Expose, p.Expose[0]) }), `expose[1]: env "GATEWAY_URL" is there twice`},
		{"node image", edit(func(p *plan.Plan) { p.Cluster.NodeImage = "" }), `cluster: nodeImage is empty`},
		{"kind config", edit(func(p *plan.Plan) { p.Cluster.Config = "" }), `cluster: config is empty`},
		{"binary", edit(func(p *plan.Plan) { p.Test.Binary = "" }), `test: binary is empty`},
		{"test env", edit(func(p *plan.Plan) { p.Test.Env = map[string]string{"A=B": ""} }), `test: env must name variables that the runner does not set itself, got "A=B"`},
		{"no timeout", edit(func(p *plan.Plan) { p.Test.Timeout = "" }), `test: timeout must be a duration such as 10m, got ""`},
		{"unit", edit(func(p *plan.Plan) { p.Test.Timeout = "10" }), `test: timeout must be a duration such as 10m, got "10"`},
		{"negative", edit(func(p *plan.Plan) { p.Test.Timeout = "-1s" }), `test: timeout must be above 0 and at most 24h0m0s, got "-1s"`},
		{"for ever", edit(func(p *plan.Plan) { p.Test.Timeout = "10000h" }), `test: timeout must be above 0 and at most 24h0m0s, got "10000h"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := plan.Decode("p.json", tc.data)
			checkError(t, err, `reading plan "p.json": `, tc.want)
		})
	}
}

// goodDescriptor describes an image of one layer. edit changes manifest and configuration before they are hashed.
func goodDescriptor(t *testing.T, edit func(manifest, config map[string]any)) plan.Descriptor {
	t.Helper()
	diffID := "sha256:" + strings.Repeat("a", 64)
	layer := plan.Blob{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: "sha256:" + strings.Repeat("b", 64), Size: 7}
	config := map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{diffID}}}
	manifest := map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []plan.Blob{layer}}
	if edit != nil {
		edit(manifest, config)
	}
	c := content("application/vnd.oci.image.config.v1+json", encode(t, config))
	if manifest["config"] == nil {
		manifest["config"] = c.Blob
	}
	return plan.Descriptor{
		Version: 1, Label: "//services/gateway:image", Name: "gateway",
		Manifest: content("application/vnd.oci.image.manifest.v1+json", encode(t, manifest)),
		Config:   c, Layers: []plan.Blob{layer}, DiffIDs: []string{diffID}, OS: "linux", Architecture: "amd64",
	}
}

func TestDecodeDescriptor(t *testing.T) {
	want := goodDescriptor(t, nil)
	upstream("gcr.io/distroless/static")(&want)
	got, err := plan.DecodeDescriptor("d.json", encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("descriptor (-want +got):\n%s", diff)
	}
	if got, want := len(got.Blobs()), 2; got != want {
		t.Errorf("got %d blobs, want %d", got, want)
	}
	if err := got.CheckImage(plan.Image{Name: "gateway"}); err != nil {
		t.Error(err)
	}
	checkError(t, got.CheckImage(plan.Image{Name: "other", Descriptor: "d.json"}), `reading descriptor "d.json": `, `it describes image "gateway", the plan wants "other"`)
}

func TestDecodeDescriptorRefuses(t *testing.T) {
	type object = map[string]any
	other := "sha256:" + strings.Repeat("c", 64)
	for _, tc := range []struct {
		name  string
		bytes func(manifest, config object)
		edit  func(*plan.Descriptor)
		want  string
	}{
		{name: "version", edit: func(d *plan.Descriptor) { d.Version = 0 }, want: "version is 0"},
		{name: "name", edit: func(d *plan.Descriptor) { d.Name = "" }, want: `name must be a repository name in lower case, got ""`},
		{name: "manifest bytes", edit: func(d *plan.Descriptor) { d.Manifest.Data[3] ^= 1 }, want: "manifest of //services/gateway:image: digest must be sha256:"},
		{name: "manifest size", edit: func(d *plan.Descriptor) { d.Manifest.Size++ }, want: "manifest of //services/gateway:image: size must be"},
		{name: "config digest", edit: func(d *plan.Descriptor) { d.Config.Digest = other }, want: "config of //services/gateway:image: digest must be " + other},
		{name: "digest function", edit: func(d *plan.Descriptor) { d.Config.Digest = "blake3:00" }, want: `digest: must be a SHA-256 digest, got "blake3:00"`},
		{name: "upper-case digest", edit: func(d *plan.Descriptor) { d.Layers[0].Digest = "sha256:" + strings.Repeat("B", 64) }, want: "layers[0]: digest: must be sha256: and 64 lower-case"},
		{name: "layer digest", edit: func(d *plan.Descriptor) { d.Layers[0].Digest = other }, want: "layers[0] must be"},
		{name: "layer size", edit: func(d *plan.Descriptor) { d.Layers[0].Size = 8 }, want: "layers[0] must be"},
		{name: "negative size", edit: func(d *plan.Descriptor) { d.Layers[0].Size = -1 }, want: "size must not be negative, got -1"},
		{name: "layer missing", edit: func(d *plan.Descriptor) { d.Layers = nil }, want: "layers must be 0, the bytes have 1"},
		{name: "diffID", edit: func(d *plan.Descriptor) { d.DiffIDs[0] = other }, want: "diffIDs must be"},
		{name: "diffID missing", edit: func(d *plan.Descriptor) { d.DiffIDs = nil }, want: "diffIDs must be as many as layers (1), got 0"},
		{name: "platform", edit: func(d *plan.Descriptor) { d.Architecture = "arm64" }, want: "platform must be linux/arm64, the bytes have linux/amd64"},
		{name: "index", edit: func(d *plan.Descriptor) { d.Manifest.MediaType = "application/vnd.oci.image.index.v1+json" }, want: "mediaType must be that of a single-platform image"},
		{name: "schema", bytes: func(m, _ object) { m["schemaVersion"] = 1 }, want: "schemaVersion must be 2, got 1"},
		{name: "media type", bytes: func(m, _ object) { m["mediaType"] = "x/y" }, want: `mediaType must be "application/vnd.oci.image.manifest.v1+json", the bytes have "x/y"`},
		{name: "other config", bytes: func(m, _ object) { m["config"] = plan.Blob{MediaType: "x/y", Digest: other, Size: 1} }, want: "config must be"},
		{name: "config's layers", bytes: func(_, c object) { c["rootfs"] = object{"diff_ids": []string{}} }, want: "diffIDs must be"},
		{name: "upstream of no layer", edit: func(d *plan.Descriptor) { d.Upstreams = map[string][]string{other: {"gcr.io/x"}} }, want: "upstreams of //services/gateway:image: \"" + other + "\" is not a layer"},
		{name: "upstream in upper case", edit: upstream("gcr.io/Distroless"), want: `a repository must be lower case, got "gcr.io/Distroless"`},
		{name: "upstream with a scheme", edit: upstream("https://gcr.io/x"), want: `a repository must not have a scheme, got "https://gcr.io/x"`},
		{name: "upstream with a tag", edit: upstream("gcr.io/x:y"), want: `a repository must have path parts of letters and digits with single separators (. _ __ -), not "x:y", got "gcr.io/x:y"`},
		{name: "upstream with a digest", edit: upstream("gcr.io/x@" + other), want: "a repository must not hold credentials or a digest (@), got"},
		{name: "upstream without host", edit: upstream("library/debian"), want: `a repository must begin with a host: "library" has neither dot nor port, got "library/debian"`},
		{name: "upstream without path", edit: upstream("gcr.io"), want: `a repository must have a path after its host, got "gcr.io"`},
		{name: "empty upstream", edit: upstream(""), want: `a repository must begin with a host, not "", got ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := goodDescriptor(t, tc.bytes)
			if tc.edit != nil {
				tc.edit(&d)
			}
			_, err := plan.DecodeDescriptor("d.json", encode(t, d))
			checkError(t, err, `reading descriptor "d.json": `, tc.want)
		})
	}
}

// upstream gives the first layer one.
func upstream(repository string) func(*plan.Descriptor) {
	return func(d *plan.Descriptor) { d.Upstreams = map[string][]string{d.Layers[0].Digest: {repository}} }
}

func TestDecodeNodeImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	got, err := plan.DecodeNodeImage("n.json", fmt.Appendf(nil, `{"reference":"kindest/node:v1","digest":%q}`, digest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan.NodeImage{Reference: "kindest/node:v1", Digest: digest}, got); diff != "" {
		t.Errorf("node image (-want +got):\n%s", diff)
	}
	for data, want := range map[string]string{
		`{"digest":"` + digest + `"}`:      "reference is empty",
		`{"reference":"x","digest":"abc"}`: `digest: must be a SHA-256 digest, got "abc"`,
		`{"reference":"x","tag":"y"}`:      `unknown field "tag"`,
	} {
		_, err := plan.DecodeNodeImage("n.json", []byte(data))
		checkError(t, err, `reading node image "n.json": `, want)
	}
}

func content(mediaType string, data []byte) plan.Content {
	return plan.Content{
		Blob: plan.Blob{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: int64(len(data))},
		Data: bytes.Clone(data),
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkError(t *testing.T, err error, prefix, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %q", want)
	}
	if got := err.Error(); !strings.HasPrefix(got, prefix) || !strings.Contains(got, want) || strings.Contains(got, "\n") {
		t.Errorf("got %q, want one line with %q and %q", got, prefix, want)
	}
}
