package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/test/cosign"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// writeRelease writes push-all.json and release.json, of indexes with one image, and forged.json, a push of another index by
// gateway's name. The release goes from $REGISTRY/ci to $QUAY/org.
func writeRelease(env *testscript.Env, root string) error {
	push := plan.Push{Version: 1, Label: "//services:push_all", Registry: env.Getenv("REGISTRY") + "/ci"}
	release := plan.Release{Version: 1, Label: "//services:release", From: push.Registry, To: env.Getenv("QUAY") + "/org"}
	for _, name := range []string{"gateway", "datastorage"} {
		index, digest, err := writeIndex(root, name, name)
		if err != nil {
			return err
		}
		sbom := "_main/" + name + "/index.spdx.json"
		if err := write(filepath.Join(root, name, "index.spdx.json"), `{"spdxVersion":"SPDX-2.3","name":"`+digest+`"}`); err != nil {
			return err
		}
		push.Indexes = append(push.Indexes, index)
		release.Services = append(release.Services, plan.Released{
			Name: name, Label: index.Label, Descriptor: index.Descriptor, SBOMs: map[string]string{"linux/amd64": sbom},
		})
	}
	other, _, err := writeIndex(root, "forged", "gateway")
	forged := push
	forged.Indexes = []plan.Image{other}
	return errors.Join(err, write(filepath.Join(root, "push-all.json"), push), write(filepath.Join(root, "release.json"), release), write(filepath.Join(root, "forged.json"), forged))
}

// writeIndex writes the index of an image that writeImage has written, or writes now, and returns the image's digest.
func writeIndex(root, dir, name string) (index plan.Image, digest string, err error) {
	path := filepath.Join(root, dir, "image.descriptor.json")
	data, err := os.ReadFile(path)
	if err != nil {
		if _, err := writeImage(root, dir, name); err != nil {
			return plan.Image{}, "", err
		}
		data, err = os.ReadFile(path)
	}
	var image plan.Descriptor
	if err := errors.Join(err, json.Unmarshal(data, &image)); err != nil {
		return plan.Image{}, "", err
	}
	entry := map[string]any{"mediaType": manifestType, "digest": image.Manifest.Digest, "size": image.Manifest.Size, "platform": plan.Platform{OS: "linux", Architecture: "amd64"}}
	encoded, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{entry}})
	x := plan.Index{Version: 1, Label: strings.Replace(image.Label, ":image", ":index", 1), Name: name, Index: content(indexType, encoded), Images: []plan.Descriptor{image}}
	index = plan.Image{Name: name, Label: x.Label, Descriptor: "_main/" + dir + "/index.descriptor.json", Layout: "_main/" + dir + "/layout"}
	return index, image.Manifest.Digest, errors.Join(err, write(filepath.Join(root, dir, "index.descriptor.json"), x))
}

// newkey writes a key of cosign's, whose password is "hunter2", into a file.
func newkey(ts *testscript.TestScript, _ bool, args []string) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	data, err := cosign.Encode(key, "hunter2")
	ts.Check(err)
	ts.Check(write(ts.MkAbs(args[0]), string(data)))
}
