# Labels of the user's own that go with the signal: those of the namespace and of the target's pod and workload whose key
# has the prefix custom.kubernaut.ai/, without the prefix. What is nearer to the pod wins.
package signalprocessing.customlabels

prefix := "custom.kubernaut.ai/"

labels := object.union_n([custom(found) | some found in sources])

sources := array.concat(
	[object.get(input, ["namespace", "labels"], {})],
	[object.get(input, ["kubernetes", block, "labels"], {}) |
		some block in ["deployment", "statefulSet", "daemonSet", "replicaSet", "pod"]
	],
)

custom(found) := {trim_prefix(key, prefix): value |
	some key, value in found
	startswith(key, prefix)
}
