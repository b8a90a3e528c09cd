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

// measure makes two walks: descriptors say what a layer is, and any file may be one. Links are not followed and files of
// equal content count each.
func measure(root string) (Usage, error) {
	u := Usage{Parts: map[string]int64{}}
	layers, err := described(root)
	if err != nil {
		return u, err
	}
	u.Known = len(layers)
	sizes := map[int64]bool{}
	for _, size := range layers {
		sizes[size] = true
	}
	err = files(root, func(path, short string, size int64) error {
		u.Parts[part(short)] += size
		if !sizes[size] {
			return nil
		}
		digest, err := digestOf(path)
		if want, ok := layers[digest]; ok && want == size {
			u.Layers = append(u.Layers, Layer{short, size})
		}
		return err
	})
	slices.SortFunc(u.Layers, func(a, b Layer) int { return strings.Compare(a.Path, b.Path) })
	return u, err
}

// described returns the sizes of all layers of the descriptors below root, by digest. An uncompressed layer has a digest of
// its own, and no size that a descriptor knows: it is found where the layer is stored uncompressed.
func described(root string) (map[string]int64, error) {
	layers := map[string]int64{}
	err := files(root, func(path, short string, _ int64) error {
		if !strings.HasSuffix(short, ".descriptor.json") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d, err := plan.DecodeDescriptor(short, data)
		for _, l := range d.Layers {
			layers[l.Digest] = l.Size
		}
		return err
	})
	return layers, err
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
