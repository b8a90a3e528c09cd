// Certificates writes Mozilla's root certificates as the PEM bundle that TLS clients look for on Linux.
//
// They come from golang.org/x/crypto/x509roots, so that go.mod pins them and every machine has the same. Roots that
// Mozilla trusts under conditions only are left out: a PEM bundle cannot express a condition.
package main

import (
	"bytes"
	"encoding/pem"
	"flag"
	"fmt"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	output := flag.String("output", "", "the bundle to write")
	flag.Parse()
	if err := os.WriteFile(*output, roots(), 0o644); err != nil {
		fmt.Fprintf(os.Stderr, "certificates: error: writing bundle: %v\n", err)
		os.Exit(1)
	}
}

// roots returns the unconditional roots in the order of their subjects, as the module has them.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}
