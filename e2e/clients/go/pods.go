// Pods that run: their logs, commands in them over WebSockets, disruption budgets and eviction.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	toolswatch "k8s.io/client-go/tools/watch"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/utils/ptr"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

const defaultImage = "docker.io/library/busybox:1"

func runPods(ctx context.Context, s *session) error {
	image := os.Getenv("CLIENTS_IMAGE")
	if image == "" {
		image = defaultImage
	}
	// The two outputs are read side by side: a moment between them keeps their order.
	// Who it waits for hears no signal: what a shell says of a process that was ended is up to who ends it.
	script := `trap 'echo told to end; exit 0' TERM; echo begun; sleep 0.3; echo aside >&2; sleep 0.3; i=0; ` +
		`while :; do i=$((i+1)); [ $i -gt 3 ] || echo line $i; (trap '' TERM; exec sleep 0.1); done`
	for _, name := range []string{"one", "two"} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "pods"}},
			Spec: corev1.PodSpec{
				TerminationGracePeriodSeconds: ptr.To(int64(5)),
				AutomountServiceAccountToken:  ptr.To(false),
				Containers: []corev1.Container{{
					Name: "main", Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sh", "-c", script},
					Env: []corev1.EnvVar{{Name: "GREETING", Value: "hello"}},
				}},
			},
		}
		if _, err := s.kube.CoreV1().Pods(s.namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, name := range []string{"one", "two"} {
		if err := s.untilPod(ctx, name, "Ready"); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context) error{s.logs, s.commands, s.evictions, s.podsThatEnd(image)} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) podWatcher(name string) *cache.ListWatch {
	return cache.NewListWatchFromClient(s.kube.CoreV1().RESTClient(), "pods", s.namespace, fields.OneTermEqualSelector("metadata.name", name))
}

// untilPod waits as tools do, by UntilWithSync, and says what state the pod is in.
func (s *session) untilPod(ctx context.Context, name, condition string) error {
	event, err := toolswatch.UntilWithSync(ctx, s.podWatcher(name), &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			return false, nil
		}
		for _, is := range pod.Status.Conditions {
			if string(is.Type) == condition && is.Status == corev1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("pod %s does not become %s: %w", name, condition, err)
	}
	status := event.Object.(*corev1.Pod).Status
	container := status.ContainerStatuses[0]
	say("pod", "name", name, "phase", status.Phase, "QoS", status.QOSClass, "restarts", container.RestartCount,
		"running", container.State.Running != nil, "started", ptr.Deref(container.Started, false))
	return nil
}

func (s *session) logs(ctx context.Context) error {
	pods := s.kube.CoreV1().Pods(s.namespace)
	following, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := pods.GetLogs("one", &corev1.PodLogOptions{Follow: true}).Stream(following)
	if err != nil {
		return err
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	found := []string{}
	for len(found) < 5 && lines.Scan() {
		found = append(found, lines.Text())
	}
	// Its two outputs are read side by side.
	say("followed log", "lines", sorted(found))
	stop()
	for _, options := range []*corev1.PodLogOptions{
		{TailLines: ptr.To(int64(2))}, {TailLines: ptr.To(int64(0))}, {LimitBytes: ptr.To(int64(3))}, {Container: "absent"},
		{Previous: true}, {SinceSeconds: ptr.To(int64(0))}, {TailLines: ptr.To(int64(-1))},
	} {
		text, err := pods.GetLogs("one", options).DoRaw(ctx)
		outcome("log "+options.String(), string(text), err)
	}
	text, err := pods.GetLogs("one", &corev1.PodLogOptions{Timestamps: true, TailLines: ptr.To(int64(1))}).DoRaw(ctx)
	if err == nil {
		at, rest, _ := strings.Cut(string(text), " ")
		_, err = time.Parse(time.RFC3339Nano, at)
		say("log with times", "time", err == nil, "line", rest)
	}
	_, err = pods.GetLogs("absent", &corev1.PodLogOptions{}).DoRaw(ctx)
	outcome("log of no pod", nil, err)
	return nil
}

func (s *session) commands(ctx context.Context) error {
	for _, asked := range []struct {
		command []string
		input   string
		tty     bool
	}{
		{command: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}},
		{command: []string{"sh", "-c", "echo $GREETING"}},
		{command: []string{"cat"}, input: "what is said comes back\n"},
		{command: []string{"wc", "-c"}, input: strings.Repeat("0123456789abcdef", 64*1024)},
		{command: []string{"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"}},
		{command: []string{"no-such-program"}},
		{command: []string{"sh", "-c", "kill -9 $$"}},
		{command: []string{"sh", "-c", "[ -t 1 ] && echo a terminal"}, tty: true},
	} {
		if err := s.execute(ctx, asked.command, asked.input, asked.tty); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) execute(ctx context.Context, command []string, input string, tty bool) error {
	options := &corev1.PodExecOptions{
		Container: "main", Command: command, Stdin: input != "", Stdout: true, Stderr: !tty, TTY: tty,
	}
	request := s.kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("one").
		SubResource("exec").VersionedParams(options, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(s.config, "GET", request.URL().String())
	if err != nil {
		return err
	}
	var output, complaint bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &output, Tty: tty}
	if !tty {
		streams.Stderr = &complaint
	}
	if input != "" {
		streams.Stdin = strings.NewReader(input)
	}
	err = executor.StreamWithContext(ctx, streams)
	facts := []any{"command", command, "tty", tty}
	var exit utilexec.CodeExitError
	switch {
	case errors.As(err, &exit):
		facts = append(facts, "exit code", exit.Code)
	case err != nil:
		// What a runtime says of a program that it cannot start is its own.
		facts = append(facts, "failed", strings.Contains(err.Error(), "no-such-program"))
	}
	if output.Len() > 1_000 {
		say("exec", append(facts, "output bytes", output.Len(), "complaint", complaint.String())...)
	} else {
		say("exec", append(facts, "output", output.String(), "complaint", complaint.String())...)
	}
	return nil
}

func (s *session) evictions(ctx context.Context) error {
	budgets := s.kube.PolicyV1().PodDisruptionBudgets(s.namespace)
	_, err := budgets.Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "both"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: ptr.To(intstr.FromInt32(2)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "pods"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := s.untilBudget(ctx, 0); err != nil {
		return err
	}
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: s.namespace}}
	pods := s.kube.CoreV1().Pods(s.namespace)
	outcome("evict against a budget", nil, pods.EvictV1(ctx, eviction))
	if _, err := budgets.Patch(ctx, "both", "application/merge-patch+json", []byte(`{"spec":{"minAvailable":1}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := s.untilBudget(ctx, 1); err != nil {
		return err
	}
	outcome("evict dry", nil, pods.EvictV1(ctx, &policyv1.Eviction{
		ObjectMeta: eviction.ObjectMeta, DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
	}))
	following, err := pods.GetLogs("one", &corev1.PodLogOptions{Follow: true, TailLines: ptr.To(int64(0))}).Stream(ctx)
	if err != nil {
		return err
	}
	defer following.Close()
	outcome("evict", nil, pods.EvictV1(ctx, eviction))
	last, err := io.ReadAll(following)
	outcome("what it said at last", string(last), err)
	if err := eventually(ctx, "the evicted pod is gone", func(ctx context.Context) (bool, error) {
		_, err := pods.Get(ctx, "one", metav1.GetOptions{})
		return err != nil, ignoreNotFound(err)
	}); err != nil {
		return err
	}
	outcome("evict what is gone", nil, pods.EvictV1(ctx, eviction))
	return nil
}

func (s *session) untilBudget(ctx context.Context, allowed int32) error {
	return eventually(ctx, "the budget is counted", func(ctx context.Context) (bool, error) {
		found, err := s.kube.PolicyV1().PodDisruptionBudgets(s.namespace).Get(ctx, "both", metav1.GetOptions{})
		if err != nil || found.Status.ObservedGeneration != found.Generation ||
			found.Status.CurrentHealthy != 2 || found.Status.DisruptionsAllowed != allowed {
			return false, err
		}
		say("budget", "status", found.Status)
		return true, nil
	})
}

// podsThatEnd sees how a pod that is to end once ends, well and badly.
func (s *session) podsThatEnd(image string) func(context.Context) error {
	return func(ctx context.Context) error {
		pods := s.kube.CoreV1().Pods(s.namespace)
		for name, code := range map[string]int{"well": 0, "badly": 4} {
			_, err := pods.Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: corev1.PodSpec{
					RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: ptr.To(false),
					Containers: []corev1.Container{{
						Name: "main", Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
						Command: []string{"sh", "-c", fmt.Sprintf("echo ended; exit %d", code)},
					}},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
		}
		for _, name := range []string{"well", "badly"} {
			event, err := toolswatch.UntilWithSync(ctx, s.podWatcher(name), &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
				pod, ok := event.Object.(*corev1.Pod)
				return ok && (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed), nil
			})
			if err != nil {
				return err
			}
			status := event.Object.(*corev1.Pod).Status
			ended := status.ContainerStatuses[0].State.Terminated
			text, err := pods.GetLogs(name, &corev1.PodLogOptions{}).DoRaw(ctx)
			if err != nil {
				return err
			}
			say("ended pod", "name", name, "phase", status.Phase, "code", ended.ExitCode, "reason", ended.Reason, "log", string(text))
		}
		return pods.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	}
}
