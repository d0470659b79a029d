package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// watch lets watchers follow a path while the requests of the task are sent, and counts the events they all got.
func watch(c *http.Client, t task) (*outcome, error) {
	var group sync.WaitGroup
	var failure atomic.Pointer[error]
	var received atomic.Int64
	bodies := make([]io.ReadCloser, t.Watchers)
	for index := range t.Watchers {
		response, err := c.Get(t.Address + t.WatchPath)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %s", t.WatchPath, response.Status)
		}
		bodies[index] = response.Body
	}
	if err := warmUp(c, t); err != nil {
		return nil, err
	}
	start := time.Now()
	for _, body := range bodies {
		group.Go(func() {
			read, err := follow(body, t.Count)
			received.Add(read)
			if err != nil {
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
	written.Count, written.Seconds, written.PerSecond = count, took, float64(count)/took
	written.Bytes = received.Load()
	return written, nil
}

// follow reads lines until it has seen enough of them.
func follow(body io.Reader, count int) (int64, error) {
	buffer := make([]byte, 256*1024)
	var read int64
	for seen := 0; seen < count; {
		n, err := body.Read(buffer)
		read += int64(n)
		seen += bytes.Count(buffer[:n], []byte{'\n'})
		if err != nil && seen < count {
			return read, fmt.Errorf("a watcher saw %d of %d events: %w", seen, count, err)
		}
	}
	return read, nil
}
