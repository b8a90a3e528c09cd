package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"path"
	"strings"
	"text/template"

	"github.com/bazelbuild/buildtools/build"
)

//go:embed templates
var templates embed.FS

// File is one file of a service.
type File struct {
	Path string // in the workspace, with slashes
	Data []byte
}

// outputs maps the templates to their files' paths, themselves templates; in the order in which they are listed.
var outputs = [...][2]string{
	{"services/BUILD.bazel", "services/{{.Name}}/BUILD.bazel"},
	{"services/main.go", "services/{{.Name}}/main.go"},
	{"services/app/BUILD.bazel", "services/{{.Name}}/app/BUILD.bazel"},
	{"services/app/app.go", "services/{{.Name}}/app/app.go"},
	{"services/app/app_test.go", "services/{{.Name}}/app/app_test.go"},
	{"services/app/greeting.go", "services/{{.Name}}/app/greeting.go"},
	{"services/app/greeting_test.go", "services/{{.Name}}/app/greeting_test.go"},
	{"services/deploy/BUILD.bazel", "services/{{.Name}}/deploy/BUILD.bazel"},
	{"services/deploy/deploy.go", "services/{{.Name}}/deploy/deploy.go"},
	{"services/deploy/deploy_test.go", "services/{{.Name}}/deploy/deploy_test.go"},
	{"services/deploy/manifest.yaml", "services/{{.Name}}/deploy/{{.Name}}.yaml"},
	{"e2e/BUILD.bazel", "test/e2e/{{.Name}}/BUILD.bazel"},
	{"e2e/what_test.go", "test/e2e/{{.Name}}/{{.Name}}_test.go"},
	{"e2e/suite_test.go", "test/e2e/{{.Name}}/suite_test.go"},
}

// Files returns the files of a new service, all but the changed list of suites.
func (s Service) Files() ([]File, error) {
	var files []File
	for _, output := range outputs {
		text, err := templates.ReadFile("templates/" + output[0] + ".tmpl")
		if err != nil {
			return nil, err
		}
		name, err := s.fill(output[1])
		if err != nil {
			return nil, err
		}
		data, err := s.fill(string(text))
		if err != nil {
			return nil, fmt.Errorf("filling %s: %w", output[0], err)
		}
		if data, err = formatted(string(name), data); err != nil {
			return nil, fmt.Errorf("formatting %s: %w", name, err)
		}
		files = append(files, File{Path: string(name), Data: data})
	}
	return files, nil
}

func (s Service) fill(text string) ([]byte, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, s)
	return b.Bytes(), err
}

func formatted(name string, data []byte) ([]byte, error) {
	switch {
	case strings.HasSuffix(name, ".go"):
		return format.Source(data)
	case path.Base(name) == "BUILD.bazel":
		file, err := build.ParseBuild(name, data)
		if err != nil {
			return nil, err
		}
		return build.Format(file), nil
	}
	return data, nil
}
