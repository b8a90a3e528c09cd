// Package deploy holds the gateway's Kubernetes manifest. It has no code; its test keeps manifest, names and
// configuration in agreement.
package deploy
