package image

// Spec is what the oci_image rule asks for. Starlark writes it as JSON; paths are relative to the execution root and
// an empty path means that the attribute is unset.
type Spec struct {
	Label  string `json:"label"`  // of the image's target, for messages
	Output string `json:"output"` // directory to fill

	Base     string   `json:"base"`     // OCI layout directory to start from, or
	Platform Platform `json:"platform"` // the platform of an image that starts from nothing

	Layers []Layer `json:"layers"`

	// Files, in the format that the attribute of the same name documents.
	Annotations  string `json:"annotations"`
	Cmd          string `json:"cmd"`
	Created      string `json:"created"`
	Entrypoint   string `json:"entrypoint"`
	Env          string `json:"env"`
	ExposedPorts string `json:"exposed_ports"`
	Labels       string `json:"labels"`
	Volumes      string `json:"volumes"`

	User    string `json:"user"`
	Workdir string `json:"workdir"`
}

// Platform is what an image runs on, in Go's words (GOOS, GOARCH); Variant may be empty.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// Layer is a tar file and the descriptor that package layer made of it.
type Layer struct {
	Path       string `json:"path"`
	Descriptor string `json:"descriptor"`
}
