package image

import (
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// manifestType returns a manifest's media type. One that names none is told by its layers, as registries do.
func manifestType(manifest *ordered.Object) string {
	if named := manifest.String("mediaType"); named != "" {
		return named
	}
	for _, first := range manifest.List("layers") {
		object, _ := first.(*ordered.Object)
		if object != nil && strings.HasPrefix(object.String("mediaType"), "application/vnd.docker.") {
			return layout.DockerManifestType
		}
		break
	}
	return layout.ManifestType
}

// layerType returns the media type of a new layer: Docker's when the manifest is Docker's, else OCI's.
func layerType(manifest *ordered.Object, compression string) string {
	kind, separator := "application/vnd.oci.image.layer.v1.tar", "+"
	if strings.HasPrefix(manifest.String("mediaType"), "application/vnd.docker.") {
		kind, separator = "application/vnd.docker.image.rootfs.diff.tar", "."
	}
	if compression == "" {
		return kind
	}
	return kind + separator + compression
}

// indexOf returns index.json: the base's with its first manifest replaced. Annotations of manifests are dropped, since
// they named the base. Known fields alone are kept, in the order of the spec's Go types.
func indexOf(base *ordered.Object, built layout.Descriptor) *ordered.Object {
	index := pick(base, "schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations")
	manifests := []any{}
	for i, entry := range base.List("manifests") {
		object, _ := entry.(*ordered.Object)
		if i == 0 && object.String("digest") != built.Digest {
			object = ordered.New("mediaType", built.MediaType, "digest", built.Digest, "size", built.Size)
		}
		manifests = append(manifests, descriptorOf(object))
	}
	index.Set("manifests", manifests)
	return index
}

func descriptorOf(object *ordered.Object) *ordered.Object {
	d := pick(object, "mediaType", "digest", "size", "urls", "data", "platform", "artifactType")
	if platform := d.Object("platform"); platform != nil {
		d.Set("platform", pick(platform, "architecture", "os", "os.version", "os.features", "variant", "features"))
	}
	return d
}

// pick copies the given keys in the given order, without those that are unset.
func pick(o *ordered.Object, keys ...string) *ordered.Object {
	picked := ordered.New()
	for _, key := range keys {
		if value := o.Get(key); value != nil {
			picked.Set(key, value)
		}
	}
	return picked
}
