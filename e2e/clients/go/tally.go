// What informers' handlers are told, and how their lists and watches go.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// tally is a handler that counts.
type tally struct {
	mutex                                      sync.Mutex
	initial, added, updated, deleted, resynced int
	last                                       map[string]uint64
	disorder                                   int
}

func (t *tally) OnAdd(object any, initial bool) {
	t.note(object.(metav1.Object), func() {
		if initial {
			t.initial++
		} else {
			t.added++
		}
	})
}

func (t *tally) OnUpdate(old, object any) {
	was, is := old.(metav1.Object), object.(metav1.Object)
	t.note(is, func() {
		if was.GetResourceVersion() == is.GetResourceVersion() {
			t.resynced++
		} else {
			t.updated++
		}
	})
}

func (t *tally) OnDelete(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	t.note(object.(metav1.Object), func() { t.deleted++ })
}

// note counts, and sees that an object's revisions never go back.
func (t *tally) note(object metav1.Object, count func()) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	count()
	if t.last == nil {
		t.last = map[string]uint64{}
	}
	revision, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil || revision < t.last[object.GetName()] {
		t.disorder++
	}
	t.last[object.GetName()] = revision
}

func (t *tally) counts() map[string]int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return map[string]int{"initial": t.initial, "added": t.added, "updated": t.updated, "deleted": t.deleted}
}

// caughtUp is whether the handler was told all that led to these revisions.
func (t *tally) caughtUp(listed map[string]string) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for name, revision := range listed {
		if strconv.FormatUint(t.last[name], 10) != revision {
			return false
		}
	}
	return t.initial+t.added-t.deleted == len(listed)
}

func (t *tally) inOrder() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.disorder == 0
}

func (t *tally) hasResynced() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.resynced > 0
}

// countingLister counts requests, and asks for watches that end soon.
type countingLister struct {
	s                               *session
	listed, begun, flowing, refused atomic.Int64
}

func (c *countingLister) lists() int64    { return c.listed.Load() }
func (c *countingLister) watches() int64  { return c.begun.Load() }
func (c *countingLister) streamed() int64 { return c.flowing.Load() }
func (c *countingLister) failures() int64 { return c.refused.Load() }

func (c *countingLister) listWatch() *cache.ListWatch {
	configMaps := c.s.kube.CoreV1().ConfigMaps(c.s.namespace)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			// The inconsistency detector's lists are exact; they are not the informer's.
			if options.ResourceVersionMatch != metav1.ResourceVersionMatchExact {
				c.listed.Add(1)
			}
			return configMaps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.TimeoutSeconds = ptr.To(int64(watchSeconds))
			if ptr.Deref(options.SendInitialEvents, false) {
				c.flowing.Add(1)
			}
			c.begun.Add(1)
			watched, err := configMaps.Watch(ctx, options)
			if err != nil {
				c.refused.Add(1)
				return nil, err
			}
			return watch.Filter(watched, func(event watch.Event) (watch.Event, bool) {
				if event.Type == watch.Error {
					c.refused.Add(1)
				}
				return event, true
			}), nil
		},
	}
}

// revisions are those of a list's items, by name.
func revisions(list runtime.Object) (map[string]string, error) {
	found := map[string]string{}
	err := meta.EachListItem(list, func(item runtime.Object) error {
		object, err := meta.Accessor(item)
		if err == nil {
			found[object.GetName()] = object.GetResourceVersion()
		}
		return err
	})
	return found, err
}

func sameRevisions(stored []any, listed map[string]string) bool {
	if len(stored) != len(listed) {
		return false
	}
	for _, object := range stored {
		if found := object.(metav1.Object); listed[found.GetName()] != found.GetResourceVersion() {
			return false
		}
	}
	return true
}

func digestOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
