// The oracle: answers questions about Kubernetes objects with the upstream libraries themselves.
// One JSON document per line in, one per line out, in the same order.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	kjson "sigs.k8s.io/json"
)

type answerer func(raw []byte) any

var answerers = map[string]answerer{
	"components": registerComponents,
	"crd":        registerDefinition,
	"forget":     forgetDefinition,
	"ssa":        runHistory,
	"smp":        strategicMerge,
	"json-patch": jsonPatch,
	"merge":      mergePatch,
	"validate":   validateObject,
	"cel":        evaluateExpression,
	"quantity":   readQuantity,
	"labels":     readLabelSelector,
	"fields":     readFieldSelector,
	"names":      checkNames,
	"quote":      quote,
	"pattern":    matchPattern,
}

type failure struct {
	Error string `json:"error"`
}

func failed(err error) failure { return failure{Error: err.Error()} }

func answer(line []byte) (out any) {
	defer func() {
		if caught := recover(); caught != nil {
			out = map[string]string{"panic": fmt.Sprint(caught)}
		}
	}()
	var asked struct{ Op string }
	if err := json.Unmarshal(line, &asked); err != nil {
		return map[string]string{"panic": err.Error()}
	}
	answerer, known := answerers[asked.Op]
	if !known {
		return map[string]string{"panic": "unknown op " + asked.Op}
	}
	return answerer(line)
}

func main() {
	// What servers log and go on after is no business of ours.
	klog.SetLogger(logr.Discard())
	debug.SetGCPercent(400)
	// Beyond it memory is dearer than time.
	debug.SetMemoryLimit(512 << 20)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<28)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		if err := encoder.Encode(answer(lines.Bytes())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		// A driver that waits for this answer has sent nothing more.
		if err := out.Flush(); err != nil {
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// read decodes a request, whole numbers as int64, as an API server does.
func read(raw []byte, into any) {
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, into); err != nil {
		panic(err)
	}
}

type fieldError struct {
	Type  string `json:"type"`
	Field string `json:"field"`
	Text  string `json:"text"`
}

func errorsOf(list field.ErrorList) []fieldError {
	out := []fieldError{}
	for _, each := range list {
		out = append(out, fieldError{Type: string(each.Type), Field: each.Field, Text: each.Error()})
	}
	return out
}
