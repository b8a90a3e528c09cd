package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// sums are modules' SHA-256 as hexadecimal, by "path version". What is hashed is a list of the module's files:
// https://go.dev/ref/mod#go-sum-files.
type sums map[string]string

func readSums(file string) (sums, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading sums: %w", err)
	}
	known := sums{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || strings.HasSuffix(fields[1], "/go.mod") {
			continue
		}
		encoded, ok := strings.CutPrefix(fields[2], "h1:")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			return nil, fmt.Errorf("reading sums: %s %s must have a sum h1:…, got %q", fields[0], fields[1], fields[2])
		}
		known[fields[0]+" "+fields[1]] = fmt.Sprintf("%x", sum)
	}
	return known, nil
}
