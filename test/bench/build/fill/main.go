// Fill writes a file of random bytes that depend on the value of Bazel's --embed_label alone.
//
//	fill OUTPUT SIZE STABLE-STATUS
package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fill: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("got %d arguments, want OUTPUT SIZE STABLE-STATUS", len(args))
	}
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("size must be a number of bytes, got %q", args[1])
	}
	status, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(label(string(status))))).Read(data) // never fails
	return os.WriteFile(args[0], data, 0o755)
}

// label is the status file's line of --embed_label; empty when the flag is not given
// (https://bazel.build/docs/user-manual#workspace-status).
func label(status string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "BUILD_EMBED_LABEL "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
