package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	unknown    = "NOASSERTION"
	namespaces = "https://github.com/kubernaut/kubernaut/spdx/"
	imageID    = common.ElementID("Image")
)

// document is an SPDX document on its way. An element is named by what it is, so that equal images have equal documents.
type document struct {
	spdx.Document
	known sums
	ids   map[common.ElementID]bool
}

// describe lists an image and its programs. Each program depends on its modules and on Go's standard library.
func describe(image plan.Descriptor, programs []program, known sums) (spdx.Document, error) {
	created, err := createdAt(image)
	if err != nil {
		return spdx.Document{}, err
	}
	d := document{known: known, ids: map[common.ElementID]bool{}, Document: spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      image.Name + "@" + image.Manifest.Digest,
		DocumentNamespace: namespaces + image.Name + "/" + strings.TrimPrefix(image.Manifest.Digest, "sha256:"),
		CreationInfo:      &spdx.CreationInfo{Created: created, Creators: []common.Creator{{CreatorType: "Tool", Creator: "kubernaut-sbom"}}},
	}}
	d.relate("DOCUMENT", common.TypeRelationshipDescribe, d.addImage(image))
	for _, p := range programs {
		if err := d.addProgram(p); err != nil {
			return spdx.Document{}, err
		}
	}
	return d.Document, nil
}

// createdAt is what the image's configuration says, which does not change from build to build.
func createdAt(image plan.Descriptor) (string, error) {
	config := struct {
		Created string `json:"created"`
	}{"1970-01-01T00:00:00Z"}
	err := json.Unmarshal(image.Config.Data, &config)
	return config.Created, err
}

func (d *document) addImage(image plan.Descriptor) common.ElementID {
	purl := fmt.Sprintf("pkg:oci/%s@%s?arch=%s", image.Name, url.QueryEscape(image.Manifest.Digest), image.Architecture)
	p := d.add(imageID, image.Name, image.Manifest.Digest, purl)
	p.PrimaryPackagePurpose = "CONTAINER"
	p.PackageChecksums = checksum(strings.TrimPrefix(image.Manifest.Digest, "sha256:"))
	return imageID
}

func (d *document) addProgram(p program) error {
	id := identifier("Program", p.path)
	added := d.add(id, p.info.Path, "", "")
	added.PrimaryPackagePurpose = "APPLICATION"
	added.PackageFileName = p.path
	added.PackageChecksums = checksum(p.sha256)
	d.relate(imageID, common.TypeRelationshipContains, id)
	version := strings.TrimPrefix(p.info.GoVersion, "go")
	d.relate(id, common.TypeRelationshipDependsOn, d.addModule("stdlib", version, ""))
	for _, module := range p.info.Deps {
		linked, err := d.linked(module)
		if err != nil {
			return err
		}
		d.relate(id, common.TypeRelationshipDependsOn, linked)
	}
	return nil
}

// linked adds what a module was built from, which may be its replacement.
func (d *document) linked(module *debug.Module) (common.ElementID, error) {
	for module.Replace != nil {
		module = module.Replace
	}
	sum := d.known[module.Path+" "+module.Version]
	if sum == "" {
		return "", fmt.Errorf("go.sum lacks module %s %s, which the program is linked from", module.Path, module.Version)
	}
	return d.addModule(module.Path, module.Version, sum), nil
}

// addModule adds a module once for all programs.
func (d *document) addModule(path, version, sum string) common.ElementID {
	id := identifier("Module", path+"-"+version)
	if d.ids[id] {
		return id
	}
	p := d.add(id, path, version, "pkg:golang/"+path+"@"+url.QueryEscape(version))
	p.PrimaryPackagePurpose = "LIBRARY"
	if sum != "" {
		p.PackageChecksums = checksum(sum)
	}
	return id
}

func (d *document) add(id common.ElementID, name, version, purl string) *spdx.Package {
	d.ids[id] = true
	p := &spdx.Package{
		PackageSPDXIdentifier: id, PackageName: name, PackageVersion: version,
		PackageDownloadLocation: unknown, PackageLicenseConcluded: unknown, PackageLicenseDeclared: unknown, PackageCopyrightText: unknown,
	}
	if purl != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl,
		}}
	}
	d.Packages = append(d.Packages, p)
	return p
}

func (d *document) relate(a common.ElementID, how string, b common.ElementID) {
	d.Relationships = append(d.Relationships, &spdx.Relationship{
		RefA: common.DocElementID{ElementRefID: a}, Relationship: how, RefB: common.DocElementID{ElementRefID: b},
	})
}

func checksum(hex string) []common.Checksum {
	return []common.Checksum{{Algorithm: common.SHA256, Value: hex}}
}

// identifier has letters, digits, '.' and '-' alone: https://spdx.github.io/spdx-spec/v2.3/package-information/#72-package-spdx-identifier-field.
// Other characters become their number between two '-', and a '-' does too, so that two names stay two.
func identifier(kind, name string) common.ElementID {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "-%x-", r)
		}
	}
	return common.ElementID(kind + "-" + b.String())
}
