// Package distribution runs a real registry (https://distribution.github.io/distribution/) inside a test: Debian's
// docker-registry, as people put it behind a login and a certificate of their own.
//
// A registry in memory agrees with its client's mistakes; this one holds uploads, digests and deletions to the letter.
// It listens on loopback, keeps its blobs in a folder of the test's, and ends with the test.
package distribution

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// program is on PATH where Debian's package is installed.
const program = "docker-registry"

// startLimit bounds the start, which takes a tenth of a second.
const startLimit = 20 * time.Second

// Options say whom the registry lets in. The zero value is an open one without TLS that does not delete.
type Options struct {
	User, Password string // who may do everything; anybody when empty
	Certificate    string // PEM file: the registry speaks TLS alone; with Key
	Key            string // PEM file
	Delete         bool   // answer DELETE
}

// Server is a running registry.
type Server struct {
	Host string // "127.0.0.1:40513"
	URL  string // "http://127.0.0.1:40513", or https
	Dir  string // of the blobs
}

// Start returns when the registry listens. Where the program is missing the test is skipped with a loud reason; with
// REQUIRE_DOCKER_REGISTRY=1 it fails instead.
func Start(t *testing.T, o Options) *Server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("REQUIRE_DOCKER_REGISTRY") == "1" {
			t.Fatalf("a registry is required here and cannot be had: %v", err)
		}
		t.Skipf("NOT TESTED WITH A REAL REGISTRY ON THIS MACHINE: %v. Install the Debian package docker-registry to test it", err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	if err := write(dir, config, o); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", config)
	cmd.Env = []string{"HOME=" + dir} // a REGISTRY_… of the machine would change the configuration
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	host, err := listening(log)
	if err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	s := &Server{Host: host, URL: "http://" + host, Dir: dir}
	if o.Certificate != "" {
		s.URL = "https://" + host
	}
	return s
}

// write writes the configuration, https://distribution.github.io/distribution/about/configuration/; JSON is YAML.
func write(dir, config string, o Options) error {
	type object = map[string]any
	listener := object{"addr": net.JoinHostPort("127.0.0.1", "0")}
	if o.Certificate != "" {
		listener["tls"] = object{"certificate": o.Certificate, "key": o.Key}
	}
	all := object{
		"version": 0.1, "http": listener, "log": object{"level": "info", "formatter": "json"},
		"storage": object{"filesystem": object{"rootdirectory": filepath.Join(dir, "storage")}, "delete": object{"enabled": o.Delete}},
	}
	if o.User != "" {
		passwords := filepath.Join(dir, "htpasswd")
		hashed, err := bcrypt.GenerateFromPassword([]byte(o.Password), bcrypt.MinCost)
		if err != nil {
			return err
		}
		if err := os.WriteFile(passwords, fmt.Appendf(nil, "%s:%s\n", o.User, hashed), 0o600); err != nil {
			return err
		}
		all["auth"] = object{"htpasswd": object{"realm": "test", "path": passwords}}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(config, data, 0o600)
}

var listeningOn = regexp.MustCompile(`listening on ([^,"]+)`)

// listening returns the address that the registry says it listens on, and goes on reading what it says afterwards.
func listening(log io.ReadCloser) (string, error) {
	type start struct {
		host string
		last string // line, when it ended instead
	}
	found := make(chan start, 1)
	go func() {
		var s start
		for lines := bufio.NewScanner(log); lines.Scan(); {
			s.last = lines.Text()
			if m := listeningOn.FindStringSubmatch(s.last); m != nil {
				found <- start{host: m[1]}
				io.Copy(io.Discard, log)
				return
			}
		}
		found <- s
	}()
	select {
	case s := <-found:
		if s.host == "" {
			return "", fmt.Errorf("it ended: %s", s.last)
		}
		return s.host, nil
	case <-time.After(startLimit):
		return "", fmt.Errorf("it does not listen after %s", startLimit)
	}
}
