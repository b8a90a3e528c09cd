package second

import (
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/bazelrc"
)

// DiskCache is the folder that the rc files of a workspace name as --disk_cache, empty when they name none.
func DiskCache(workspace string) (string, error) {
	files := bazelrc.Files{System: bazelrc.System, Home: os.Getenv("HOME"), Workspace: workspace}
	if rc := os.Getenv("KUBERNAUT_BAZELRC"); rc != "" {
		files.Extra = []string{rc}
	}
	settings, err := bazelrc.Read(files)
	return settings.DiskCache, err
}
