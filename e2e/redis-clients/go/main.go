// Program redis-clients writes through go-redis, with its own defaults. Arguments: where the cluster's Service is;
// the password is in the environment.
//
// It does what ../writing.ts does: the same keys, lines and numbers.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	name      = "go-redis"
	lanes     = 4
	pause     = 10 * time.Millisecond
	beat      = 100 * time.Millisecond
	keysAgain = 500
	readTries = 500
)

var numbers = regexp.MustCompile(`[\d.]+(:\d+)?`)

type acknowledged struct {
	number int
	atMs   int64
}

// A write that was acknowledged and is not there.
type lostWrite struct {
	Key    string `json:"key"`
	Wanted int    `json:"wanted"`
	Found  string `json:"found"`
	AtMs   int64  `json:"atMs"`
}

type counts struct {
	Writes int `json:"writes"`
	Failed int `json:"failed"`
}

type outcome struct {
	counts
	Read     int            `json:"read"`
	Lost     []lostWrite    `json:"lost"`
	Failures map[string]int `json:"failures"`
}

type writing struct {
	client *redis.ClusterClient

	mutex        sync.Mutex
	number       int
	counts       counts
	acknowledged map[string]acknowledged
	failures     map[string]int
	underWay     map[string]bool
}

func (w *writing) begin() (key string, mine int, free bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.number++
	mine = w.number
	key = fmt.Sprintf("%s:%d", name, mine)
	if mine%2 == 1 {
		key = fmt.Sprintf("%s:again-%d", name, mine%(2*keysAgain))
	}
	if w.underWay[key] {
		return key, mine, false
	}
	w.underWay[key] = true
	return key, mine, true
}

func (w *writing) write(ctx context.Context) {
	key, mine, free := w.begin()
	if !free {
		return
	}
	err := w.client.Set(ctx, key, mine, 0).Err()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	delete(w.underWay, key)
	if err == nil {
		w.acknowledged[key] = acknowledged{mine, time.Now().UnixMilli()}
		w.counts.Writes++
		return
	}
	w.counts.Failed++
	w.failures[numbers.ReplaceAllString(err.Error(), "N")]++
}

func (w *writing) readBack(ctx context.Context, key string) string {
	for turn := 1; ; turn++ {
		found, err := w.client.Get(ctx, key).Result()
		if err == nil || err == redis.Nil {
			return found
		}
		if turn == readTries {
			return err.Error()
		}
		time.Sleep(10 * pause)
	}
}

func (w *writing) lost(ctx context.Context) []lostWrite {
	lost := []lostWrite{}
	for key, wanted := range w.acknowledged {
		found := w.readBack(ctx, key)
		if number, err := strconv.Atoi(found); err != nil || number < wanted.number {
			lost = append(lost, lostWrite{key, wanted.number, found, wanted.atMs})
		}
	}
	return lost
}

func (w *writing) run(ctx context.Context) {
	var group sync.WaitGroup
	finishing := make(chan struct{})
	repeat := func(every time.Duration, do func()) {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				do()
				select {
				case <-finishing:
					return
				case <-time.After(every):
				}
			}
		}()
	}
	for range lanes {
		repeat(pause, func() { w.write(ctx) })
	}
	repeat(beat, func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		say(w.counts)
	})
	if line, _ := bufio.NewReader(os.Stdin).ReadString('\n'); line != "finish\n" {
		os.Exit(1) // nobody is there any more
	}
	close(finishing)
	group.Wait()
	say(outcome{w.counts, len(w.acknowledged), w.lost(ctx), w.failures})
}

func say(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func main() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:    []string{net.JoinHostPort(os.Args[1], os.Args[2])},
		Password: os.Getenv("REDIS_PASSWORD"),
	})
	defer client.Close()
	work := &writing{
		client:       client,
		acknowledged: map[string]acknowledged{},
		failures:     map[string]int{},
		underWay:     map[string]bool{},
	}
	work.run(context.Background())
}
