// Command kind is kind's own command line (https://kind.sigs.k8s.io), built from the module that slipway uses as a library,
// so that a benchmark does not depend on which kind a machine has.
package main

import "sigs.k8s.io/kind/cmd/kind/app"

func main() { app.Main() }
