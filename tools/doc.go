// Package tools holds no code but the test of bazelw.
package tools
