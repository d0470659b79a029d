// Leader election over a Lease: one leader at a time, taken over when it dies, handed over when it goes.
package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

const (
	leaseName     = "election"
	leaseDuration = 4 * time.Second
	renewDeadline = 3 * time.Second
	retryPeriod   = 300 * time.Millisecond
	handOverMax   = 2 * time.Second
)

func runElection(ctx context.Context, s *session) error {
	holders, err := s.watchHolders(ctx)
	if err != nil {
		return err
	}
	first, err := s.stand(ctx, "first", false)
	if err != nil {
		return err
	}
	if err := first.untilLeading(ctx); err != nil {
		return err
	}
	if err := s.sayLease(ctx, "led by the first"); err != nil {
		return err
	}
	second, err := s.stand(ctx, "second", true)
	if err != nil {
		return err
	}
	third, err := s.stand(ctx, "third", false)
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the others see who leads", func(context.Context) (bool, error) {
		return second.elector.GetLeader() == "first" && third.elector.GetLeader() == "first", nil
	}); err != nil {
		return err
	}
	third.die() // so that it is known who takes over
	<-third.ended

	died := time.Now()
	first.die()
	if err := second.untilLeading(ctx); err != nil {
		return err
	}
	// Its last renewal may be a retry period old; then it takes the lease's whole duration, and a retry with jitter.
	took := time.Since(died)
	say("taken over", "not before the lease ended", took > leaseDuration-2*retryPeriod-time.Second,
		"soon afterwards", took < leaseDuration+5*time.Second)
	if err := s.sayLease(ctx, "led by the second"); err != nil {
		return err
	}

	fourth, err := s.stand(ctx, "fourth", true)
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the fourth sees who leads", func(context.Context) (bool, error) {
		return fourth.elector.GetLeader() == "second", nil
	}); err != nil {
		return err
	}
	released := time.Now()
	second.die()
	if err := fourth.untilLeading(ctx); err != nil {
		return err
	}
	say("handed over", "soon", time.Since(released) < handOverMax)
	if err := s.sayLease(ctx, "led by the fourth"); err != nil {
		return err
	}
	// A request that is broken off may still take effect, after the release: so not in the midst of its first.
	if err := s.untilRenewed(ctx); err != nil {
		return err
	}
	fourth.die()
	<-fourth.ended
	if err := s.sayLease(ctx, "released"); err != nil {
		return err
	}
	say("holders in turn", "holders", holders())
	return s.sayElectionEvents(ctx)
}

type candidate struct {
	name    string
	elector *leaderelection.LeaderElector
	leading chan struct{}
	ended   chan struct{}
	die     context.CancelFunc
}

// stand starts a candidate with connections of its own.
func (s *session) stand(ctx context.Context, name string, releases bool) (*candidate, error) {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return nil, err
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(s.namespace)})
	c := &candidate{name: name, leading: make(chan struct{}), ended: make(chan struct{})}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, s.namespace, leaseName,
		client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{
			Identity:      name,
			EventRecorder: broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: name}),
		})
	if err != nil {
		return nil, err
	}
	c.elector, err = leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		ReleaseOnCancel: releases,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(c.leading) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return nil, err
	}
	var running context.Context
	running, c.die = context.WithCancel(ctx)
	go func() {
		c.elector.Run(running)
		close(c.ended)
	}()
	return c, nil
}

func (c *candidate) untilLeading(ctx context.Context) error {
	select {
	case <-c.leading:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not lead: %w", c.name, context.Cause(ctx))
	}
}

func (s *session) untilRenewed(ctx context.Context) error {
	return eventually(ctx, "the lease is renewed", func(ctx context.Context) (bool, error) {
		lease, err := s.kube.CoordinationV1().Leases(s.namespace).Get(ctx, leaseName, metav1.GetOptions{})
		return err == nil && lease.Spec.RenewTime.After(lease.Spec.AcquireTime.Time), err
	})
}

func (s *session) sayLease(ctx context.Context, when string) error {
	lease, err := s.kube.CoordinationV1().Leases(s.namespace).Get(ctx, leaseName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("lease", "when", when, "spec", lease.Spec)
	return nil
}

// watchHolders returns a function that says who held the lease, in their order.
func (s *session) watchHolders(ctx context.Context) (func() []string, error) {
	watched, err := s.kube.CoordinationV1().Leases(s.namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var mutex sync.Mutex
	var holders []string
	go func() {
		for event := range watched.ResultChan() {
			if holder := holderOf(event); holder != nil {
				mutex.Lock()
				if len(holders) == 0 || holders[len(holders)-1] != *holder {
					holders = append(holders, *holder)
				}
				mutex.Unlock()
			}
		}
	}()
	return func() []string {
		_ = eventually(ctx, "the last holder is seen", func(context.Context) (bool, error) {
			mutex.Lock()
			defer mutex.Unlock()
			return len(holders) > 0 && holders[len(holders)-1] == "", nil
		})
		mutex.Lock()
		defer mutex.Unlock()
		return holders
	}, nil
}

func (s *session) sayElectionEvents(ctx context.Context) error {
	var messages []string
	err := eventually(ctx, "all events are written", func(ctx context.Context) (bool, error) {
		list, err := s.kube.CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=LeaderElection"})
		if err != nil {
			return false, err
		}
		messages = nil
		for _, event := range list.Items {
			messages = append(messages, event.InvolvedObject.Kind+" "+event.InvolvedObject.Name+": "+event.Message)
		}
		return len(messages) >= 6, nil
	})
	say("events", "messages", sorted(messages))
	return err
}

func holderOf(event watch.Event) *string {
	lease, ok := event.Object.(*coordinationv1.Lease)
	if !ok {
		return nil
	}
	holder := ""
	if lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	return &holder
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}
