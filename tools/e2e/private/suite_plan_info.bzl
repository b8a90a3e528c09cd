"""What the plan of a suite, or of a set of suites, tells the rules that run it."""

SuitePlanInfo = provider(
    doc = "A suite's plan.",
    fields = {
        "plan": "File: the plan's JSON. The target's runfiles hold it and all that it names.",
        "portable": "depset of File: the plan and all that it names, but the images' layouts.",
        "rlocation": "string: the plan's path for a runfiles library, e.g. \"_main/test/e2e/gateway.plan.json\".",
        "summary": "struct for json.encode: what the suite consists of, in the graph's names, the same on every machine.",
    },
)
