// Clients is a program of an ordinary user of Kubernetes: it drives client-go and controller-runtime against whatever
// server $KUBECONFIG names, and writes down as JSON lines what it saw. What it writes says nothing of the moment or of
// the server, so the lines of two servers that behave alike are the same.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// A command does one kind of clients' work in a namespace of its own.
type command func(ctx context.Context, s *session) error

var commands = map[string]command{
	"informer":   runInformer,
	"election":   runElection,
	"dynamic":    runDynamic,
	"controller": runController,
	"builtin":    runBuiltin,
	"pods":       runPods,
}

func main() {
	namespace := flag.String("namespace", "", "where to work; made by this program, left to the caller")
	timeout := flag.Duration("timeout", 5*time.Minute, "gives up after this")
	verbose := flag.Bool("verbose", false, "lets the libraries' logs through, on standard error")
	flag.Parse()
	run, known := commands[flag.Arg(0)]
	if !known || flag.NArg() != 1 {
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "usage: clients [flags] %s\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	if !*verbose {
		klog.SetLogger(logr.Discard())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, errors.New("out of time"))
	defer cancel()
	if err := play(ctx, run, *namespace, flag.Arg(0)); err != nil {
		say("verdict", "ok", false, "refusal", refusal(err))
		os.Exit(1)
	}
	say("verdict", "ok", true)
}

func play(ctx context.Context, run command, namespace, name string) error {
	if namespace == "" {
		namespace = "clients-" + name
	}
	s, err := openSession(ctx, namespace)
	if err != nil {
		return err
	}
	return run(ctx, s)
}
