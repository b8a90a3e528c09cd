# How urgent the signal is, P0 to P3. The first row of the table that fits decides.
#
# Rows compare the severity on the platform's scale, input.severity, so that "page" and "critical" are one; the source's
# own word is input.signal.severity, for rows of one's own. The row of production warnings holds what severity.rego makes
# of the word "warning", and the more severe "high", which must not fall behind it.
package signalprocessing.priority

priority := decision.priority

source := decision.source

policy_name := decision.policy_name

default decision := {"priority": "P3", "source": "default", "policy_name": "default"}

decision := {"priority": row.priority, "source": "policy", "policy_name": row.name} if {
	fitting := [r | some r in table; r.environment == input.environment; input.severity in r.severities]
	row := fitting[0]
}

any_severity := {"critical", "high", "medium", "low", "unknown"}

table := [
	{"name": "production-critical", "environment": "production", "severities": {"critical"}, "priority": "P0"},
	{"name": "production-warning", "environment": "production", "severities": {"high", "medium"}, "priority": "P1"},
	{"name": "staging-critical", "environment": "staging", "severities": {"critical"}, "priority": "P2"},
	{"name": "development", "environment": "development", "severities": any_severity, "priority": "P3"},
]
