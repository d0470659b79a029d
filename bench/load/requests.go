package main

import (
	"net/http"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// requests keeps as many requests under way as there are connections, until the time or the number is up.
func requests(c *http.Client, t task) (*outcome, error) {
	if err := warmUp(c, t); err != nil {
		return nil, err
	}
	return load(c, t)
}

// warmUp opens every connection, so that no handshake is measured.
func warmUp(c *http.Client, t task) error {
	version := task{Address: t.Address, Method: "GET", Path: "/version"}
	var group sync.WaitGroup
	var failure atomic.Pointer[error]
	for range t.Connections {
		group.Go(func() {
			if _, err := send(c, version, 0, make([]byte, 4096)); err != nil {
				failure.Store(&err)
			}
		})
	}
	group.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

func load(c *http.Client, t task) (*outcome, error) {
	var next, bytes atomic.Int64
	var failure atomic.Pointer[error]
	start := time.Now()
	end := start.Add(time.Duration(t.Seconds * float64(time.Second)))
	more := func() (int, bool) {
		if failure.Load() != nil || t.Seconds > 0 && time.Now().After(end) {
			return 0, false
		}
		own := int(next.Add(1)) - 1
		return t.First + own, t.Count == 0 || own < t.Count
	}
	latencies := make([][]time.Duration, t.Connections)
	var group sync.WaitGroup
	for index := range t.Connections {
		group.Go(func() {
			buffer := make([]byte, 64*1024)
			for {
				number, goesOn := more()
				if !goesOn {
					return
				}
				began := time.Now()
				if t.Rate > 0 {
					began = start.Add(time.Duration(float64(number-t.First) / t.Rate * float64(time.Second)))
					time.Sleep(time.Until(began))
				}
				read, err := send(c, t, number, buffer)
				if err != nil {
					failure.Store(&err)
					return
				}
				latencies[index] = append(latencies[index], time.Since(began))
				bytes.Add(read)
			}
		})
	}
	group.Wait()
	if err := failure.Load(); err != nil {
		return nil, *err
	}
	return summary(latencies, time.Since(start), bytes.Load()), nil
}

func summary(parts [][]time.Duration, took time.Duration, bytes int64) *outcome {
	var all []time.Duration
	for _, part := range parts {
		all = append(all, part...)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	quantile := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		index := min(int(float64(len(all))*share), len(all)-1)
		return float64(all[index].Microseconds()) / 1000
	}
	return &outcome{
		Count:     len(all),
		Seconds:   took.Seconds(),
		PerSecond: float64(len(all)) / took.Seconds(),
		P50:       quantile(0.5),
		P90:       quantile(0.9),
		P99:       quantile(0.99),
		Max:       quantile(1),
		Bytes:     bytes,
	}
}
