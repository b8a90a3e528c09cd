// Command signalprocessing finds out what a signal is about: it reads the target's surroundings and classifies the signal.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/signalprocessing/app"
)

func main() { os.Exit(process.Main(names.SignalProcessing, os.Args[1:], os.LookupEnv, app.Run)) }
