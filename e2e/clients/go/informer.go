// Informers under churn: what handlers are told, that stores end as a list is, through ends of watches, expired
// revisions and a restart of the server. $KUBE_FEATURE_WatchListClient decides how they fill their stores.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

const (
	informerGroup   = "informer.clients.example.com"
	darkSelector    = "shade=dark"
	watchSeconds    = 2
	resyncSeconds   = 3
	firstObjects    = 12
	churnRounds     = 60
	churnNameCount  = 40
	churnWriterSize = 4
)

func runInformer(ctx context.Context, s *session) error {
	if err := s.defineWidgets(ctx, informerGroup); err != nil {
		return err
	}
	work := newChurn(s)
	if err := work.seed(ctx, firstObjects); err != nil {
		return err
	}
	oldRevision, err := s.revisionOfWidgets(ctx)
	if err != nil {
		return err
	}
	counted := &countingLister{s: s}
	observed := s.informers(counted)
	running, stop := context.WithCancel(ctx)
	defer stop()
	for _, o := range observed {
		go o.informer.RunWithContext(running)
	}
	for _, o := range observed {
		if !cache.WaitForCacheSync(ctx.Done(), o.informer.HasSynced, o.registration.HasSynced) {
			return fmt.Errorf("%s: not synced", o.name)
		}
		say("synced", "informer", o.name, "told", o.told.counts(), "store", len(o.informer.GetStore().List()))
	}
	if err := work.run(ctx, 1); err != nil {
		return err
	}
	if err := s.compareStores(ctx, "churn", observed, true); err != nil {
		return err
	}
	if err := watchesEnd(ctx, work, counted); err != nil {
		return err
	}
	if err := s.compareStores(ctx, "watches that end", observed, true); err != nil {
		return err
	}
	for _, o := range observed {
		if err := eventually(ctx, o.name+" resyncs", func(context.Context) (bool, error) {
			return o.told.hasResynced(), nil
		}); err != nil {
			return err
		}
		say("resynced", "informer", o.name)
	}
	if err := s.compareIndex(observed[0]); err != nil {
		return err
	}
	if err := ask("restart"); err != nil {
		return err
	}
	if err := s.expired(ctx, oldRevision); err != nil {
		return err
	}
	if err := work.run(ctx, 3); err != nil {
		return err
	}
	if err := s.compareStores(ctx, "restart", observed, false); err != nil {
		return err
	}
	stop()
	return s.forgetWidgets(ctx, informerGroup)
}

// observation is an informer with a handler that remembers what it was told.
type observation struct {
	name         string
	informer     cache.SharedIndexInformer
	registration cache.ResourceEventHandlerRegistration
	told         *tally
	list         func(ctx context.Context) (runtime.Object, error)
}

const byShade = "shade"

func (s *session) informers(counted *countingLister) []*observation {
	resync := resyncSeconds * time.Second
	dark := func(options *metav1.ListOptions) { options.LabelSelector = darkSelector }
	configMaps := func(selector string) func(context.Context) (runtime.Object, error) {
		return func(ctx context.Context) (runtime.Object, error) {
			return s.kube.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		}
	}
	shared := informers.NewSharedInformerFactoryWithOptions(
		s.kube, resync, informers.WithNamespace(s.namespace), informers.WithTweakListOptions(dark))
	custom := dynamicinformer.NewFilteredDynamicSharedInformerFactory(s.dynamic, resync, s.namespace, nil)
	all := []*observation{
		{
			name: "config maps",
			informer: cache.NewSharedIndexInformer(
				counted.listWatch(), &corev1.ConfigMap{}, resync, cache.Indexers{byShade: shadeOf}),
			list: configMaps(""),
		},
		{
			name:     "dark config maps",
			informer: shared.Core().V1().ConfigMaps().Informer(),
			list:     configMaps(darkSelector),
		},
		{
			name:     "widgets",
			informer: custom.ForResource(widgetResource(informerGroup)).Informer(),
			list: func(ctx context.Context) (runtime.Object, error) {
				return s.dynamic.Resource(widgetResource(informerGroup)).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
			},
		},
	}
	for _, o := range all {
		o.told = &tally{}
		registration, err := o.informer.AddEventHandlerWithResyncPeriod(o.told, resync)
		if err != nil {
			panic(err)
		}
		o.registration = registration
	}
	return all
}

func shadeOf(object any) ([]string, error) {
	return []string{object.(metav1.Object).GetLabels()[byShade]}, nil
}

// watchesEnd goes on writing until the server has ended several watches on time.
func watchesEnd(ctx context.Context, work *churn, counted *countingLister) error {
	before := counted.watches()
	// The revision that a watch goes on from must be found again by each server: somebody writes meanwhile.
	for round := 0; counted.watches() < before+3; round++ {
		if err := work.touch(ctx, round); err != nil {
			return err
		}
	}
	if err := work.run(ctx, 2); err != nil {
		return err
	}
	say("watches ended on time", "lists", counted.lists(), "streamed lists", counted.streamed(),
		"watches with an error", counted.failures())
	return nil
}

// compareStores waits until each store holds what a list holds, and says so.
func (s *session) compareStores(ctx context.Context, after string, observed []*observation, exact bool) error {
	for _, o := range observed {
		var listed map[string]string
		err := eventually(ctx, o.name+": the store is as the list", func(ctx context.Context) (bool, error) {
			list, err := o.list(ctx)
			if err != nil {
				return false, err
			}
			listed, err = revisions(list)
			return err == nil && sameRevisions(o.informer.GetStore().List(), listed), err
		})
		if err != nil {
			return err
		}
		facts := []any{"after", after, "informer", o.name, "objects", len(listed), "digest", digest(o.informer.GetStore().List())}
		if exact {
			if err := eventually(ctx, o.name+": handlers were told", func(context.Context) (bool, error) {
				return o.told.caughtUp(listed), nil
			}); err != nil {
				return err
			}
			facts = append(facts, "told", o.told.counts())
		}
		facts = append(facts, "order kept", o.told.inOrder())
		say("as the list", facts...)
	}
	return nil
}

func (s *session) compareIndex(o *observation) error {
	for _, shade := range []string{"dark", "light"} {
		found, err := o.informer.GetIndexer().ByIndex(byShade, shade)
		if err != nil {
			return err
		}
		say("index", "shade", shade, "objects", len(found), "digest", digest(found))
	}
	return nil
}

func (s *session) revisionOfWidgets(ctx context.Context) (string, error) {
	list, err := s.dynamic.Resource(widgetResource(informerGroup)).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	return list.GetResourceVersion(), nil
}

// expired says how a server that was restarted answers a watch from long ago.
func (s *session) expired(ctx context.Context, revision string) error {
	options := metav1.ListOptions{ResourceVersion: revision}
	watched, err := s.dynamic.Resource(widgetResource(informerGroup)).Namespace(s.namespace).Watch(ctx, options)
	if err != nil {
		say("expired", "request", refusalWithoutNumbers(err))
		return nil
	}
	defer watched.Stop()
	event, open := <-watched.ResultChan()
	if !open || event.Type != watch.Error {
		return fmt.Errorf("a watch from an old revision began with %v", event.Type)
	}
	status := event.Object.(*metav1.Status)
	status.Message = numbers.ReplaceAllString(status.Message, "N")
	say("expired", "event", status)
	_, open = <-watched.ResultChan()
	say("expired", "open afterwards", open)
	return nil
}

// digest says of objects what they are, apart from what servers make up.
func digest(objects []any) string {
	all := map[string]any{}
	for _, object := range objects {
		switch object := object.(type) {
		case *corev1.ConfigMap:
			if object.Name == "kube-root-ca.crt" {
				continue // each server has an authority of its own
			}
			all[object.Name] = []any{object.Labels, object.Data}
		case *unstructured.Unstructured:
			all[object.GetName()] = []any{object.GetLabels(), object.Object["spec"], object.GetGeneration()}
		}
	}
	return digestOf(all)
}

func init() {
	// What the first stream brought is listed again and compared; a difference panics.
	if os.Getenv("KUBE_FEATURE_WatchListClient") == "true" {
		os.Setenv("KUBE_WATCHLIST_INCONSISTENCY_DETECTOR", "true")
	}
}
