// Gateway takes signals from monitoring systems and makes RemediationRequests of them.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/gateway/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv)) }
