# Whose workload it is and what it is worth. Labels of the namespace say it; criticality and the time to an answer follow
# from the priority when no label says more. A business unit or an owner that nobody has named stays undefined.
package signalprocessing.business

business_unit := label("kubernaut.ai/business-unit")

service_owner := label("kubernaut.ai/service-owner")

criticality := label("kubernaut.ai/criticality")

criticality := by_priority[input.priority].criticality if not label("kubernaut.ai/criticality")

sla_requirement := label("kubernaut.ai/sla")

sla_requirement := by_priority[input.priority].sla if not label("kubernaut.ai/sla")

label(key) := value if {
	value := trim_space(input.namespace.labels[key])
	value != ""
}

by_priority := {
	"P0": {"criticality": "critical", "sla": "15m"},
	"P1": {"criticality": "high", "sla": "1h"},
	"P2": {"criticality": "medium", "sla": "4h"},
	"P3": {"criticality": "low", "sla": "24h"},
}
