package main

// task is what to do. Paths and bodies may hold `{i}`, which becomes the number of the request.
type task struct {
	// Kind is `requests` or `watch`.
	Kind string `json:"kind"`
	// Address is `https://HOST:PORT`.
	Address string `json:"address"`
	// CA, Cert and Key are PEM.
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key"`

	Method string `json:"method"`
	Path   string `json:"path"`
	Body   string `json:"body"`
	// First is the number of the first request; with Among they begin anew after that many.
	First int `json:"first"`
	Among int `json:"among"`
	// Connections is how many requests are under way at any time, each over a connection of its own.
	Connections int `json:"connections"`
	// Requests end after this many seconds or this many of them, whichever is set.
	Seconds float64 `json:"seconds"`
	Count   int     `json:"count"`
	// Rate is how many requests a second fall due; latencies count from then, also when no connection was free. 0: as
	// many as go.
	Rate float64 `json:"rate"`

	// WatchPath is watched by Watchers; they count events until each has seen Count of them.
	WatchPath string `json:"watchPath"`
	Watchers  int    `json:"watchers"`
}

// outcome is what was measured. Latencies are in milliseconds, from sending to the last byte.
type outcome struct {
	Count     int     `json:"count"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P99       float64 `json:"p99"`
	Max       float64 `json:"max"`
	// Bytes of bodies received.
	Bytes int64 `json:"bytes"`
	// Reopened is how often a watcher was cut off and went on.
	Reopened int `json:"reopened"`
}
