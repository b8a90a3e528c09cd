// Program is a small one, for the tests of what becomes of a program in an image.
package main

import (
	"fmt"
	"runtime"

	"github.com/google/go-cmp/cmp"
)

func main() {
	fmt.Println(cmp.Diff("amd64", runtime.GOARCH))
}
