// What this program writes: one JSON line for each thing seen, without what a server or a moment makes up.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var output sync.Mutex

// say writes a step and its facts: names and values in turn.
func say(step string, facts ...any) {
	line := map[string]any{"step": step}
	for at := 0; at+1 < len(facts); at += 2 {
		line[facts[at].(string)] = plain(facts[at+1])
	}
	output.Lock()
	defer output.Unlock()
	writeLine(line)
}

func writeLine(line map[string]any) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		panic(err)
	}
}

var answers = bufio.NewReader(os.Stdin)

// ask has the caller do something to the server (restart it, compact its history), and waits until it is done.
func ask(what string) error {
	output.Lock()
	writeLine(map[string]any{"ask": what})
	output.Unlock()
	answer, err := answers.ReadString('\n')
	if err == nil && answer != "done\n" {
		return fmt.Errorf("asked to %s the caller said %q", what, answer)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("nobody is there to %s the server", what)
	}
	return err
}

// plain is a value as JSON, with what servers make up replaced by the name of its kind.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var parsed any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&parsed); err != nil {
		panic(err)
	}
	return replaced("", parsed)
}

var (
	uidForm       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeForm      = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	microTimeForm = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`)
	revisionForm  = regexp.MustCompile(`^[1-9]\d*$`)
)

func replaced(key string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		anew := make(map[string]any, len(value))
		for name, inner := range value {
			// Owners are named by their uid in managed fields.
			anew[uidForm.ReplaceAllString(name, "UID")] = replaced(name, inner)
		}
		return anew
	case []any:
		for at, inner := range value {
			value[at] = replaced(key, inner)
		}
		if key == "managedFields" {
			sortByText(value) // they come by the second they were written in, which is chance
		}
		return value
	case string:
		if key == "resourceVersion" && revisionForm.MatchString(value) {
			return "REVISION"
		}
		if key == "continue" && value != "" {
			return "TOKEN"
		}
		value = uidForm.ReplaceAllString(value, "UID")
		value = microTimeForm.ReplaceAllString(value, "MICROTIME")
		return timeForm.ReplaceAllString(value, "TIME")
	default:
		return value
	}
}

func sortByText(values []any) {
	slices.SortFunc(values, func(left, right any) int {
		return strings.Compare(text(left), text(right))
	})
}

func text(value any) string {
	written, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(written)
}

var numbers = regexp.MustCompile(`\d+`)

// refusal is what a server said no with: its Status, or the text of any other error.
func refusal(err error) any {
	if err == nil {
		return nil
	}
	if said, ok := refusalStatus(err); ok {
		return map[string]any{
			"code": said.Code, "reason": said.Reason, "message": said.Message, "details": said.Details,
		}
	}
	return err.Error()
}

// refusalWithoutNumbers is for messages that name revisions.
func refusalWithoutNumbers(err error) any {
	said, ok := refusal(err).(map[string]any)
	if !ok {
		return refusal(err)
	}
	said["message"] = numbers.ReplaceAllString(fmt.Sprint(said["message"]), "N")
	return said
}

// mustFail turns an unexpected success into an error.
func mustFail(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%s was not refused", what)
	}
	return nil
}

// outcome says what came of a request: what was answered, or the refusal.
func outcome(step string, answer any, err error) {
	if err != nil {
		say(step, "refused", refusal(err))
		return
	}
	say(step, "answer", answer)
}

func refusalStatus(err error) (metav1.Status, bool) {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status(), true
	}
	return metav1.Status{}, false
}
