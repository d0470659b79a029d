// Command cacheload sends one kind of load to one server that speaks the Unity cache protocol and prints what it saw as
// a line of JSON. It reads its task as JSON from standard input; see task in task.go.
//
// One thread does all of it, with epoll: the server has the other processors to itself.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	// Next to nothing is allocated while load runs.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(512 << 20)
	runtime.LockOSThread()
	var t task
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		fail(fmt.Errorf("the task: %w", err))
	}
	result, err := run(t)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "cacheload:", err)
	os.Exit(1)
}
