// Command mock-llm stands in for a large language model: every answer follows from its input.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
)

func main() { os.Exit(process.Main(names.MockLLM, os.Args[1:], os.LookupEnv, app.Run)) }
