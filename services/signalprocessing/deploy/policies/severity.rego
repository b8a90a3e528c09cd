# The source's own word for the severity on the platform's scale: critical, high, medium, low, unknown. A "warning" is
# medium: it asks for attention, while "high" and "error" say that something is broken.
package signalprocessing.severity

default severity := "unknown"

severity := scale[lower(trim_space(input.signal.severity))]

scale := {
	"critical": "critical",
	"crit": "critical",
	"disaster": "critical",
	"emergency": "critical",
	"emerg": "critical",
	"fatal": "critical",
	"page": "critical",
	"alert": "critical",
	"p0": "critical",
	"p1": "critical",
	"sev0": "critical",
	"sev1": "critical",
	"high": "high",
	"error": "high",
	"major": "high",
	"p2": "high",
	"sev2": "high",
	"medium": "medium",
	"moderate": "medium",
	"warning": "medium",
	"warn": "medium",
	"p3": "medium",
	"sev3": "medium",
	"low": "low",
	"info": "low",
	"informational": "low",
	"information": "low",
	"minor": "low",
	"none": "low",
	"normal": "low",
	"notice": "low",
	"debug": "low",
	"p4": "low",
	"p5": "low",
	"sev4": "low",
	"sev5": "low",
}
