package main

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestRoots(t *testing.T) {
	subjects := map[string]bool{}
	for data := roots(); len(data) > 0; {
		block, rest := pem.Decode(data)
		if block == nil {
			t.Fatalf("%d bytes that are not PEM", len(data))
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		subjects[root.Subject.CommonName] = true
		data = rest
	}
	// Two roots that most of the public web hangs on.
	for _, want := range []string{"ISRG Root X1", "DigiCert Global Root G2"} {
		if !subjects[want] {
			t.Errorf("no %q among %d roots", want, len(subjects))
		}
	}
	if len(subjects) < 100 {
		t.Errorf("got %d roots, want at least 100", len(subjects))
	}
	if text := string(roots()); strings.Contains(text, "\r") || !strings.HasSuffix(text, "\n") {
		t.Error("the bundle must be lines that end with a line feed")
	}
}
