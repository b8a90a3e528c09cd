package second

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Parts of an output base, in the order in which people look at them.
const (
	Outputs  = "bazel-out"    // what actions made or Bazel downloaded
	External = "external"     // files of other modules, and their marker files
	Actions  = "action cache" // what Bazel remembers of actions
	Server   = "server"       // logs, sockets and profiles
	Other    = "other"
)

// Usage is what is on the disk. Sizes are in bytes, of file contents.
type Usage struct {
	Parts  map[string]int64 // by part of the output base
	Layers []Layer          // files that are a layer of an image, whatever their name; none is what we want
	Known  int              // layers of all images that the output base describes; with 0 nothing was looked for
}

// Layer is a file with a layer's bytes.
type Layer struct {
	Path  string // relative to the output base
	Bytes int64
}

// Total is all bytes.
func (u Usage) Total() int64 { return sum(maps.Values(u.Parts)) }

// BeyondExternal is all bytes but those of other modules' files, which are the same whatever is built.
func (u Usage) BeyondExternal() int64 { return u.Total() - u.Parts[External] }

// LayerBytes are the bytes of Layers.
func (u Usage) LayerBytes() int64 {
	var n int64
	for _, l := range u.Layers {
		n += l.Bytes
	}
	return n
}

func sum(values func(func(int64) bool)) int64 {
	var n int64
	for v := range values {
		n += v
	}
	return n
}

// Usage looks at every file of the output base. Layers are those of the descriptors in it.
func (c *Checkout) Usage() (Usage, error) {
	u, err := measure(c.Output)
	if err != nil {
		return u, fmt.Errorf("measuring the output base: %w", err)
	}
	return u, nil
}

// images are what the descriptors of an output base say of layers.
type images struct {
	layers map[string]bool // digests, as stored and uncompressed
	sizes  map[int64]bool  // of layers as stored; nobody tells the size of the others
	known  int
}

// measure makes two walks: descriptors say what a layer is, and any file may be one. A file is hashed when it has a layer's
// size, and every output is, since it may be a layer before its compression. Links are not followed and files of equal content
// count each.
func measure(root string) (Usage, error) {
	u := Usage{Parts: map[string]int64{}}
	described, err := describe(root)
	if err != nil {
		return u, err
	}
	u.Known = described.known
	err = files(root, func(path, short string, size int64) error {
		in := part(short)
		u.Parts[in] += size
		if u.Known == 0 || in != Outputs && !described.sizes[size] {
			return nil
		}
		digest, err := digestOf(path)
		if described.layers[digest] {
			u.Layers = append(u.Layers, Layer{short, size})
		}
		return err
	})
	slices.SortFunc(u.Layers, func(a, b Layer) int { return strings.Compare(a.Path, b.Path) })
	return u, err
}

// ofLayer are oci_image's descriptors of single layers.
var ofLayer = regexp.MustCompile(`\.\d+\.descriptor\.json$`)

func describe(root string) (images, error) {
	of := images{layers: map[string]bool{}, sizes: map[int64]bool{}}
	err := files(root, func(path, short string, _ int64) error {
		if !strings.HasSuffix(short, ".descriptor.json") || ofLayer.MatchString(short) {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d, err := plan.DecodeDescriptor(short, data)
		for i, l := range d.Layers {
			if !of.layers[l.Digest] {
				of.known++
			}
			of.layers[l.Digest], of.layers[d.DiffIDs[i]], of.sizes[l.Size] = true, true, true
		}
		return err
	})
	return of, err
}

// files calls visit for each regular file. One that goes away meanwhile, such as the server's, is left out.
func files(root string, visit func(path, short string, size int64) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				short, _ := filepath.Rel(root, path)
				err = visit(path, filepath.ToSlash(short), info.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) && path != root {
			return nil
		}
		return err
	})
}

func part(short string) string {
	first, rest, _ := strings.Cut(short, "/")
	switch {
	case first == "execroot" && strings.Contains("/"+rest, "/bazel-out/"):
		return Outputs
	case first == "external":
		return External
	case first == "action_cache":
		return Actions
	case first == "server" || strings.HasPrefix(first, "java.log") || strings.HasPrefix(first, "command"):
		return Server
	}
	return Other
}

func digestOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}
