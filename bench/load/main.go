// Command load sends one kind of load to one Kubernetes API server and prints what it saw as a line of JSON.
// It reads its task as JSON from standard input; see task in task.go.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var t task
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		fail(fmt.Errorf("the task: %w", err))
	}
	c, err := connect(t)
	if err != nil {
		fail(err)
	}
	var result any
	switch t.Kind {
	case "requests":
		result, err = requests(c, t)
	case "watch":
		result, err = watch(c, t)
	default:
		err = fmt.Errorf("kind %q is neither requests nor watch", t.Kind)
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}
