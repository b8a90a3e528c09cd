package job

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Labels of every Job and of its pods. Their values are in the form of LabelValue; the annotations of the same names hold
// the exact texts.
const (
	ExecutionLabel       = "kubernaut.ai/workflow-execution"
	WorkflowIDLabel      = "kubernaut.ai/workflow-id"
	TargetLabel          = "kubernaut.ai/target-resource"
	SourceNamespaceLabel = "kubernaut.ai/source-namespace"
	EngineLabel          = "kubernaut.ai/execution-engine"
)

// Annotations of every Job and of its pods.
const (
	ExecutionAnnotation = ExecutionLabel
	TargetAnnotation    = TargetLabel
	// UIDAnnotation tells the owner from an earlier object of the same name.
	UIDAnnotation = "kubernaut.ai/workflow-execution-uid"
)

// digits is how much of a hash is written out.
const digits = 16

// Name returns the name of the one Job that a target can have: "wfe-" and 16 hexadecimal digits of the target's SHA-256.
func Name(target string) string { return "wfe-" + hash(target) }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digits]
}

// LabelValue returns text as a label's value: each character that a label cannot hold is an underscore, so that
// "shop/Deployment/web" is "shop_Deployment_web"; what is longer than 63 characters ends in a dash and 16 hexadecimal digits
// of the whole text's SHA-256 after its first 46.
//
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
func LabelValue(text string) string {
	value := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, text)
	if len(value) > validation.LabelValueMaxLength {
		value = value[:validation.LabelValueMaxLength-digits-1] + "-" + hash(text)
	}
	return strings.Trim(value, "-_.")
}

// Owned reports whether an object with these annotations was made for the execution.
func Owned(annotations map[string]string, execution *v1alpha1.WorkflowExecution) bool {
	return annotations[UIDAnnotation] == string(execution.UID)
}
