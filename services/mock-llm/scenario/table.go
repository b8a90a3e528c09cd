package scenario

// All returns the table in the order of precedence; Default is the last row.
func All() []Scenario {
	return append(outcomes(), incidents()...)
}

// outcomes are the rows that a prompt asks for by a mock_* word.
func outcomes() []Scenario {
	return []Scenario{
		{
			Name: LowConfidence, Keywords: mock(LowConfidence), SignalType: "MOCK_LOW_CONFIDENCE", Severity: "critical", Confidence: 0.35,
			Summary:  "Several root causes are possible; a human has to judge",
			Resource: pod("production", "ambiguous-pod"), Workflow: restart(),
		},
		{
			Name: RCAIncomplete, Keywords: mock(RCAIncomplete), SignalType: "MOCK_RCA_INCOMPLETE", Severity: "critical", Confidence: 0.88,
			Summary: "The root cause is known, the affected resource is not", NoResource: true, Workflow: restart(),
		},
		{
			Name: NoWorkflowFound, Keywords: mock(NoWorkflowFound), SignalType: "MOCK_NO_WORKFLOW_FOUND", Severity: "critical", Confidence: 0,
			Summary:  "The catalogue has no workflow for this kind of signal",
			Resource: pod("production", "failing-pod"),
		},
		{
			Name: ProblemResolved, Keywords: mock(ProblemResolved, "not_reproducible"), SignalType: "MOCK_PROBLEM_RESOLVED", Severity: "low", Confidence: 0.85,
			Summary:  "The condition has cleared without intervention",
			Resource: pod("production", "recovered-pod"), Resolved: true,
		},
		{
			Name: MaxRetriesExhausted, Keywords: mock(MaxRetriesExhausted), SignalType: "MOCK_MAX_RETRIES_EXHAUSTED", Severity: "high", Confidence: 0,
			Summary:  "No proposal passed validation; a human has to choose the remedy",
			Resource: pod("production", "failing-pod"), InvalidAttempts: 3,
		},
		{
			Name: ImageMismatch, Keywords: mock(ImageMismatch), SignalType: "MOCK_IMAGE_MISMATCH", Severity: "high", Confidence: 0.90,
			Summary:  "The remedy is known, but it names an image that is not the catalogue's",
			Resource: pod("production", "failing-pod"), Workflow: foreignImage(),
		},
		{
			Name: MissingParameter, Keywords: mock(MissingParameter), SignalType: "MOCK_MISSING_PARAMETER", Severity: "high", Confidence: 0.90,
			Summary:  "The remedy is known, but it is given no parameters",
			Resource: pod("production", "failing-pod"), Workflow: withoutParameters(),
		},
	}
}

// incidents are the rows that a prompt leads to by what it tells.
func incidents() []Scenario {
	return []Scenario{
		{
			Name: TestSignal, Keywords: []string{"test signal", "testsignal", "test_signal"}, SignalType: "TestSignal", Severity: "critical", Confidence: 0.90,
			Summary:  "A test signal; nothing is broken",
			Resource: pod("test", "test-pod"),
			Workflow: &Workflow{Name: "test-signal-handler-v1", Title: "Test signal handler", Parameters: map[string]string{"ACTION": "validate"}},
		},
		{
			Name: CrashLoop, Keywords: []string{"crashloop"}, SignalType: "CrashLoopBackOff", Severity: "high", Confidence: 0.88,
			Summary:  "The container fails at start because its configuration is missing",
			Resource: pod("staging", "worker"),
			Workflow: &Workflow{Name: "crashloop-config-fix-v1", Title: "Restore the configuration", Parameters: map[string]string{"CONFIG_MAP": "app-config"}},
		},
		{
			Name: OOMKilled, Keywords: []string{"oomkilled"}, SignalType: "OOMKilled", Severity: "critical", Confidence: 0.95,
			Summary:  "The container used more memory than its limit during a rise in traffic",
			Resource: pod("production", "api-server"),
			Workflow: &Workflow{Name: "oomkill-increase-memory-v1", Title: "Raise the memory limit", Parameters: map[string]string{"MEMORY_LIMIT": "1Gi"}},
		},
		{
			Name: NodeNotReady, Keywords: []string{"nodenotready", "node not ready", "node_not_ready"}, SignalType: "NodeNotReady", Severity: "critical", Confidence: 0.90,
			Summary:  "The node is under disk pressure",
			Resource: Resource{Kind: "Node", Name: "worker-node-1"},
			Workflow: &Workflow{Name: "node-drain-reboot-v1", Title: "Drain and reboot the node", Parameters: map[string]string{"GRACE_PERIOD": "300"}},
		},
		{
			Name: Recovery, Keywords: []string{"recovery"}, SignalType: "OOMKilled", Severity: "critical", Confidence: 0.85,
			Summary:  "More memory did not help; the workload has to use less",
			Resource: pod("production", "api-server"),
			Workflow: &Workflow{Name: "memory-optimize-v1", Title: "Reduce memory use", Parameters: map[string]string{"MEMORY_TARGET": "512Mi"}},
		},
		{
			Name: Default, SignalType: "Unknown", Severity: "medium", Confidence: 0.75,
			Summary:  "No specific root cause could be determined",
			Resource: pod("default", "unknown"), Workflow: restart(),
		},
	}
}

func restart() *Workflow {
	return &Workflow{Name: "generic-restart-v1", Title: "Restart the workload", Parameters: map[string]string{"ACTION": "restart"}}
}

// foreignImage names an image that no catalogue has: .invalid never resolves (RFC 2606).
func foreignImage() *Workflow {
	workflow := restart()
	workflow.Image = "registry.invalid/generic-restart:v0"
	return workflow
}

func withoutParameters() *Workflow {
	workflow := restart()
	workflow.Parameters = map[string]string{}
	return workflow
}

func pod(namespace, name string) Resource {
	return Resource{Kind: "Pod", Name: name, Namespace: namespace}
}
