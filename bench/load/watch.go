package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// watch lets watchers follow a path while the requests of the task are sent, and counts the events they all got.
func watch(c *http.Client, t task) (*outcome, error) {
	watchers := make([]*watcher, t.Watchers)
	for index := range watchers {
		watchers[index] = &watcher{client: c, url: t.Address + t.WatchPath}
		if err := watchers[index].open(); err != nil {
			return nil, err
		}
		defer watchers[index].close()
	}
	if err := warmUp(c, t); err != nil {
		return nil, err
	}
	var group sync.WaitGroup
	var failure atomic.Pointer[error]
	start := time.Now()
	for _, each := range watchers {
		group.Go(func() {
			if err := each.follow(t.Count); err != nil {
				failure.Store(&err)
			}
		})
	}
	written, err := load(c, t)
	if err != nil {
		return nil, err
	}
	group.Wait()
	if err := failure.Load(); err != nil {
		return nil, *err
	}
	took := time.Since(start).Seconds()
	count := t.Count * t.Watchers
	written.Count, written.Seconds, written.PerSecond, written.Bytes = count, took, float64(count)/took, 0
	for _, each := range watchers {
		written.Bytes += each.read
		written.Reopened += each.reopened
	}
	return written, nil
}

// watcher follows a collection as clients do: a server may cut off who falls behind, who then goes on from where he was.
type watcher struct {
	client   *http.Client
	url      string
	body     io.ReadCloser
	last     []byte // the last event, or the beginning of it
	read     int64
	reopened int
}

var revisionPattern = regexp.MustCompile(`"resourceVersion":"(\d+)"`)

func (w *watcher) open() error {
	url := w.url
	if found := revisionPattern.FindSubmatch(w.last); found != nil {
		url += "&resourceVersion=" + string(found[1])
		w.reopened++
	}
	response, err := w.client.Get(url)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	w.body = response.Body
	return nil
}

func (w *watcher) close() { w.body.Close() }

// follow reads until it has seen enough events.
func (w *watcher) follow(count int) error {
	buffer := make([]byte, 256*1024)
	var line []byte // what is there of an event that is not complete
	for seen := 0; seen < count; {
		n, err := w.body.Read(buffer)
		w.read += int64(n)
		rest := buffer[:n]
		for {
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				break
			}
			seen++
			w.last = append(append(w.last[:0], line...), rest[:min(end, 600)]...)
			line, rest = line[:0], rest[end+1:]
		}
		line = append(line, rest...)
		if err == nil || seen >= count {
			continue
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("a watcher saw %d of %d events: %w", seen, count, err)
		}
		w.close()
		line = line[:0]
		if err := w.open(); err != nil {
			return err
		}
	}
	return nil
}
