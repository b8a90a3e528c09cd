# The names that the project's scripts and fingers know; each is one Bazel command.
BAZEL := tools/bazelw

.PHONY: help setup test gazelle clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##|^test-e2e-%:' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/; s/test-e2e-%/test-e2e-<service>/' | expand -t 22

setup: ## prepare the machine: Bazel, container engine, kind's node image
	$(BAZEL) --setup

test: ## every unit, Starlark and integration test
	$(BAZEL) test //...

test-e2e-%: ## one service's end-to-end suite on a kind cluster
	$(BAZEL) run //test/e2e:$*

gazelle: ## renew the Go parts of BUILD files
	$(BAZEL) run //:gazelle

clean: ## delete Bazel's outputs of this checkout; caches stay
	$(BAZEL) clean
