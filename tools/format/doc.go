// Package format holds no code but a test: every BUILD, .bzl and Go file of the checkout is as buildifier and gofmt write it.
//
// It reads the checkout itself, not declared inputs, since a file that no target names is what it looks for; so its result
// is never cached.
package format
