// Package workflowid computes a workflow's identity from its name and environment, so that the catalogue, the model's
// stand-in and tests agree on it without asking each other.
package workflowid

import "github.com/google/uuid"

// namespace is the UUIDv5 of "kubernaut.ai" in the DNS namespace.
const namespace = "f1076e07-5df1-5cb9-8e9a-31fcbd162723"

// New returns the UUIDv5 of "<name>:<environment>". It is a pure function.
func New(name, environment string) string {
	return uuid.NewSHA1(uuid.MustParse(namespace), []byte(name+":"+environment)).String()
}
