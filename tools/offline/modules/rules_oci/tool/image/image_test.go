package image_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/image"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layer"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

var amd64 = image.Platform{OS: "linux", Architecture: "amd64"}

// base is a config with what other tools write: history of its own, unknown fields, a variable named twice.
const base = `{"architecture":"amd64","author":"é","config":{"Env":["PATH=/bin","X=1","X=2","NL=a\n"],` +
	`"Cmd":["sh"],"Labels":{"a":"1","b":"2"},"Healthcheck":{"Interval":30000000000},"StopSignal":"SIGINT"},` +
	`"created":"2020-02-02T02:02:02Z","history":[{"created_by":"FROM scratch","empty_layer":true}],"os":"linux",` +
	`"rootfs":{"type":"layers","diff_ids":["sha256:d1"]}}`

func TestConfig(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string // attribute → content
		want  string            // the config's "config" member, on top of base
	}{
		{"environment", map[string]string{"env": "PATH=/opt:$PATH\nQ=\"é\"'\nU=[$MISSING]\nD=$$X\nB=${X}-${X:-y}\nN=${NL}\n\nE\n"},
			`{"Env":["PATH=/opt:/bin","X=1","X=2","NL=a\n","Q=\"é\"'","U=[]","D=$12","B=12-12:-y}","N=a","=","E="]}`},
		{"earlier line", map[string]string{"env": "A=1\nB=$A$A\nA=2"}, `{"Env":["PATH=/bin","X=1","X=2","NL=a\n","A=2","B=11"]}`},
		{"carriage returns and NUL", map[string]string{"env": "A=1\r\nB=\x00[$A]\x00\r\n"}, `{"Env":["PATH=/bin","X=1","X=2","NL=a\n","A=1\r","B=[1\r]\r"]}`},
		{"no variables", map[string]string{"env": ""}, `{"Env":["PATH=/bin","X=1","X=2","NL=a\n"]}`},
		{"labels", map[string]string{"labels": "c=3=4\n\nb=5\nflag\nc=6\n"}, `{"Labels":{"a":"1","b":"5","c":"6","flag":""}}`},
		{"entrypoint drops cmd", map[string]string{"entrypoint": "/app\n\nx%5Cny"}, `{"Cmd":null,"Entrypoint":["/app","x\ny"]}`},
		{"cmd stays in its place", map[string]string{"entrypoint": "/app", "cmd": ""}, `{"Cmd":[],"Entrypoint":["/app"]}`},
		{"ports and volumes", map[string]string{"exposed_ports": "80/tcp,53/udp", "volumes": ""}, `{"ExposedPorts":{"80/tcp":{},"53/udp":{}},"Volumes":{}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := image.Spec{Base: writeBase(t, base, "application/vnd.oci.image.manifest.v1+json"), Output: output(t)}
			setFiles(t, &spec, test.files)
			_, config := build(t, spec)
			want := object(t, base)
			want.Merge(ordered.New("config", object(t, test.want)))
			if inner := want.Object("config"); inner.Get("Cmd") == nil {
				inner.Delete("Cmd")
			}
			equal(t, want, config)
		})
	}
}

func TestCreatedIsTakenAsItIs(t *testing.T) {
	spec := image.Spec{Platform: amd64, Output: output(t)}
	setFiles(t, &spec, map[string]string{"created": "2026-01-31T12:00:00Z\n"})
	_, config := build(t, spec)
	if got, want := config.String("created"), "2026-01-31T12:00:00Z\n"; got != want {
		t.Errorf("created = %q, want %q", got, want)
	}
}

func TestAnnotationsJoinTheBases(t *testing.T) {
	first := image.Spec{Platform: amd64, Output: output(t)}
	setFiles(t, &first, map[string]string{"annotations": "a=1\nb=2"})
	build(t, first)
	second := image.Spec{Base: first.Output, Output: output(t)}
	setFiles(t, &second, map[string]string{"annotations": "c=3\na=4\n"})
	manifest, _ := build(t, second)
	equal(t, object(t, `{"a":"4","b":"2","c":"3"}`), manifest.Object("annotations"))
}

func TestLayersAreRelativeLinks(t *testing.T) {
	lower := image.Spec{Platform: amd64, Output: output(t)}
	one := addLayer(t, &lower, "dir with space/one.tar", "one")
	build(t, lower)
	upper := image.Spec{Base: lower.Output, Output: output(t)}
	two := addLayer(t, &upper, "two.tar", "two")
	again := addLayer(t, &upper, "copy.tar", "two")
	manifest, config := build(t, upper)

	if two.Digest != again.Digest {
		t.Fatal("equal layers with different digests")
	}
	if got := len(manifest.List("layers")); got != 3 {
		t.Errorf("%d layers, want 3: a layer that is there twice counts twice", got)
	}
	if got := len(config.Object("rootfs").List("diff_ids")); got != 3 {
		t.Errorf("%d diff IDs, want 3", got)
	}
	dir := filepath.Join(upper.Output, "blobs", "sha256")
	want := map[string]string{
		hex(one.Digest): rel(t, dir, filepath.Join(lower.Output, "blobs", "sha256", hex(one.Digest))),
		hex(two.Digest): rel(t, dir, upper.Layers[1].Path),
		hex(layout.Digest(append(ordered.Marshal(manifest), '\n'))): "",
		hex(layout.Digest(ordered.Marshal(config))):                 "",
	}
	if diff := cmp.Diff(want, links(t, dir)); diff != "" {
		t.Errorf("blobs and where they link to: -want +got:\n%s", diff)
	}
}

func TestLayerMediaTypesFollowTheBase(t *testing.T) {
	tests := []struct{ base, want string }{
		{"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"},
		{"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"},
	}
	for _, test := range tests {
		spec := image.Spec{Base: writeBase(t, base, test.base), Output: output(t)}
		d := layer.Descriptor{Digest: layout.Digest([]byte("x")), DiffID: "sha256:x", Compression: "gzip", Size: 1, Label: "//:x"}
		spec.Layers = []image.Layer{{Path: file(t, "x"), Descriptor: filepath.Join(t.TempDir(), "d.json")}}
		if err := d.WriteFile(spec.Layers[0].Descriptor); err != nil {
			t.Fatal(err)
		}
		manifest, _ := build(t, spec)
		layers := manifest.List("layers")
		if got := layers[len(layers)-1].(*ordered.Object).String("mediaType"); got != test.want {
			t.Errorf("layer on %s: %s, want %s", test.base, got, test.want)
		}
		_, root, err := layout.Dir(spec.Output).Root()
		if err != nil || root.MediaType != test.base {
			t.Errorf("index.json: media type %q, %v, want %q", root.MediaType, err, test.base)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	noManifests := t.TempDir()
	write(t, filepath.Join(noManifests, "index.json"), `{"schemaVersion":2,"manifests":[]}`)
	badDigest := t.TempDir()
	write(t, filepath.Join(badDigest, "index.json"), `{"manifests":[{"digest":"sha256:../../etc/passwd"}]}`)
	notJSON := t.TempDir()
	write(t, filepath.Join(notJSON, "index.json"), `<html>`)
	tests := []struct {
		name string
		spec image.Spec
		want []string
	}{
		{"nothing to start from", image.Spec{Platform: image.Platform{OS: "linux"}}, []string{"'os' and 'architecture' must be set"}},
		{"no manifests", image.Spec{Base: noManifests}, []string{noManifests, "index.json: no manifests"}},
		{"digest that is a path", image.Spec{Base: badDigest}, []string{badDigest, "malformed digest"}},
		{"no JSON", image.Spec{Base: notJSON}, []string{notJSON, "index.json: parsing JSON"}},
		{"no directory", image.Spec{Base: "/missing"}, []string{"/missing", "no such file"}},
		{"no such file", image.Spec{Platform: amd64, Env: "/missing.txt"}, []string{"/missing.txt"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.spec.Output = output(t)
			err := image.Build(test.spec)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Build() = %v, want one line with %q", err, want)
				}
			}
		})
	}
}

// build builds spec and returns the manifest and the config.
func build(t *testing.T, spec image.Spec) (manifest, config *ordered.Object) {
	t.Helper()
	if err := image.Build(spec); err != nil {
		t.Fatal(err)
	}
	dir := layout.Dir(spec.Output)
	_, root, err := dir.Root()
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err = dir.Object(root.Digest); err != nil {
		t.Fatal(err)
	}
	if config, err = dir.Object(manifest.Object("config").String("digest")); err != nil {
		t.Fatal(err)
	}
	return manifest, config
}

// writeBase makes a layout of one image without layers' files: a sparse one.
func writeBase(t *testing.T, config, mediaType string) string {
	t.Helper()
	dir := layout.Dir(t.TempDir())
	digest, err := dir.Put([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	manifest := ordered.Marshal(ordered.New(
		"schemaVersion", int64(2), "mediaType", mediaType,
		"config", ordered.New("digest", digest, "size", int64(len(config))),
		"layers", []any{ordered.New("digest", layout.Digest([]byte("lowest")), "size", int64(6))},
	))
	if digest, err = dir.Put(manifest); err != nil {
		t.Fatal(err)
	}
	index := ordered.Marshal(ordered.New("schemaVersion", int64(2), "manifests", []any{
		ordered.New("mediaType", mediaType, "size", int64(len(manifest)), "digest", digest,
			"platform", ordered.New("os", "linux", "architecture", "amd64")),
	}))
	if err := dir.WriteIndex(index, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		t.Fatal(err)
	}
	return string(dir)
}

// setFiles writes files and sets the spec's fields of those names through its JSON form, as the rule does.
func setFiles(t *testing.T, spec *image.Spec, files map[string]string) {
	t.Helper()
	paths := map[string]string{}
	for attribute, content := range files {
		paths[attribute] = file(t, content)
	}
	data, err := json.Marshal(paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, spec); err != nil {
		t.Fatal(err)
	}
}

func addLayer(t *testing.T, spec *image.Spec, name, content string) layer.Descriptor {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, content)
	d, err := layer.Describe(path, "//:"+name)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile(path + ".json"); err != nil {
		t.Fatal(err)
	}
	spec.Layers = append(spec.Layers, image.Layer{Path: path, Descriptor: path + ".json"})
	return d
}

// links maps each file of a directory to its link's target, "" for a regular file.
func links(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err != nil && entry.Type()&os.ModeSymlink != 0 {
			t.Fatal(err)
		}
		targets[entry.Name()] = target
	}
	return targets
}

func equal(t *testing.T, want, got *ordered.Object) {
	t.Helper()
	if diff := cmp.Diff(string(ordered.Marshal(want)), string(ordered.Marshal(got))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func object(t *testing.T, text string) *ordered.Object {
	t.Helper()
	o, err := ordered.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func output(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "image")
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.txt")
	write(t, path, content)
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rel(t *testing.T, from, to string) string {
	t.Helper()
	path, err := filepath.Rel(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func hex(digest string) string { return strings.TrimPrefix(digest, "sha256:") }
