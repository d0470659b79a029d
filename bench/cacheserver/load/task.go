package main

// task is what to do.
type task struct {
	// Port of 127.0.0.1 where the server listens, and the process that it is.
	Port    int `json:"port"`
	Process int `json:"process"`
	// Connections at once, and how many operations each keeps on its way.
	Connections int `json:"connections"`
	Depth       int `json:"depth"`
	// Sets of keys that operations are about; by their weights, when there are several.
	Sets []keySet `json:"sets"`
	// Types of files, letters of "air". In turns a put has all of them, at random one.
	Types string `json:"types"`
	// Random picks keys and types at random; otherwise they take turns.
	Random bool `json:"random"`
	// Puts is the share of operations that are puts, Misses the share of gets for what is not there.
	Puts   float64 `json:"puts"`
	Misses float64 `json:"misses"`
	// Warmup and Seconds tell how long operations are begun. What is under way then is still waited for and counts.
	Warmup  float64 `json:"warmup"`
	Seconds float64 `json:"seconds"`
	// Count ends the load after so many operations; 0: only time does.
	Count int `json:"count"`
	// Wave begins Depth operations at once, and the next ones when all of them are answered.
	Wave bool `json:"wave"`
	// Pieces is how many writes a get takes, with Nagle's algorithm on as clients leave it: 1 or 3. 0: everything that
	// is due leaves in one write, with Nagle's algorithm off.
	Pieces int `json:"pieces"`
	// Check compares every byte that comes back.
	Check bool `json:"check"`
	// Empty says that the server answers with the right number of bytes, whatever they are.
	Empty bool `json:"empty"`
}

// keySet is a range of keys that all have files of the same sizes; 0: no such file.
type keySet struct {
	First  int     `json:"first"`
	Keys   int     `json:"keys"`
	A      int     `json:"a"`
	I      int     `json:"i"`
	R      int     `json:"r"`
	Weight float64 `json:"weight"`
}

func (s keySet) size(fileType byte) int {
	switch fileType {
	case 'a':
		return s.A
	case 'i':
		return s.I
	}
	return s.R
}

// outcome is what was measured. Latencies are in milliseconds, from sending to the last byte of the answer; that of a
// put is the answer to a get behind it.
type outcome struct {
	Count     int     `json:"count"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
	// Bytes of files, in both directions.
	Bytes int64   `json:"bytes"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	// ServerCPU and ClientCPU are seconds of processor while the load ran.
	ServerCPU float64 `json:"serverCpu"`
	ClientCPU float64 `json:"clientCpu"`
	// Wrong answers: a miss for what is there, a hit for what is not, another size, another byte.
	Wrong int    `json:"wrong"`
	Why   string `json:"why"`
	// Lost operations: the server closed the connection before it answered.
	Lost int `json:"lost"`
}
