// Package debian reads what this machine's apt is configured with and fetches single packages without installing them.
//
// Nothing here changes the machine: a private apt state below the cache folder holds lists and downloads. A frozen mirror's
// InRelease may be past its Valid-Until; its signature is verified all the same.
package debian

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// Keyring signs Debian's release files.
const Keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Codename returns VERSION_CODENAME of this machine, "bookworm".
func Codename() (string, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("reading the release's code name: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", errors.New("reading the release's code name: /etc/os-release names none; the offline tool set needs Debian")
}

// Mirror returns the address of the Debian mirror that this machine's apt uses. It runs `apt-get update` once when apt
// has no lists yet.
func Mirror(ctx context.Context) (string, error) {
	code, err := Codename()
	if err != nil {
		return "", err
	}
	for _, update := range []bool{false, true} {
		if update {
			if out, err := exec.CommandContext(ctx, "apt-get", "update", "-qq").CombinedOutput(); err != nil {
				return "", fmt.Errorf("updating apt's lists: %w\n%s", err, out)
			}
		}
		out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)",
			"Created-By: Packages", "Origin: Debian", "Codename: "+code).Output()
		if err != nil {
			return "", fmt.Errorf("asking apt for its mirror: %w", err)
		}
		if m := firstLine(out); m != "" {
			return m, nil
		}
	}
	return "", fmt.Errorf("asking apt for its mirror: no Debian %s source is configured", code)
}

// firstLine returns the first line in sorted order, so that the answer does not depend on the order of apt's sources.
func firstLine(out []byte) string {
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if l := strings.TrimSpace(s.Text()); l != "" {
			lines = append(lines, l)
		}
	}
	sort.Strings(lines)
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// Source is the sources.list line of a release on mirror.
func Source(mirror, release string) string {
	return fmt.Sprintf("deb [check-valid-until=no signed-by=%s] %s %s main", Keyring, mirror, release)
}

// MMDebstrap unpacks the release's own mmdebstrap (one Perl script) below dir and returns the script's path. A second call
// is free.
func MMDebstrap(ctx context.Context, dir, release string) (string, error) {
	script := filepath.Join(dir, "x", "usr", "bin", "mmdebstrap")
	if _, err := os.Stat(script); err == nil {
		return script, nil
	}
	mirror, err := Mirror(ctx)
	if err != nil {
		return "", err
	}
	if err := unpack(ctx, dir, Source(mirror, release), "mmdebstrap"); err != nil {
		return "", fmt.Errorf("fetching %s's mmdebstrap: %w", release, err)
	}
	return script, nil
}

func unpack(ctx context.Context, dir, source, name string) error {
	if err := apt(ctx, dir, source, nil, "download", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("apt-get download %s left no package", name)
	}
	// The script appears last: dpkg writes beside it and the rename makes a cut-off unpack invisible.
	if err := run(ctx, dir, "dpkg", "-x", debs[len(debs)-1], "x.part"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "x.part"), filepath.Join(dir, "x"))
}

// Download puts the packages, and what they need beyond what root has installed, into root's archive folder. The private apt state
// is in dir.
func Download(ctx context.Context, dir, source, root string, packages ...string) error {
	archives := filepath.Join(root, Archives)
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return err
	}
	options := []string{"-o", "Dir::State::status=" + filepath.Join(root, "var/lib/dpkg/status"), "-o", "Dir::Cache::archives=" + archives}
	return apt(ctx, dir, source, options, append([]string{"install", "--yes", "--no-install-recommends", "--download-only"}, packages...)...)
}

// Archives is where dpkg's packages lie in a root.
const Archives = "var/cache/apt/archives"

// apt runs one apt-get command on fresh lists of the source.
func apt(ctx context.Context, dir, source string, options []string, command ...string) error {
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte(source+"\n"), 0o644); err != nil {
		return err
	}
	base := []string{
		"-qq", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"), "-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Languages=none", "-o", "APT::Sandbox::User=root",
	}
	if err := run(ctx, dir, "apt-get", append(base, "update")...); err != nil {
		return err
	}
	return run(ctx, dir, "apt-get", append(append(base, options...), command...)...)
}

func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return nil
}
