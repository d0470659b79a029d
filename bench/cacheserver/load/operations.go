package main

import (
	"math/rand/v2"
	"time"
)

// operation is a get or a put that is under way, and the answer that is due: a file of this size, or a miss. A put is
// answered by the miss of a get behind it, for the protocol acknowledges none.
type operation struct {
	put      bool
	number   int
	set      keySet
	fileType byte
	size     int
	begun    time.Duration
}

// Keys from here on are never stored.
const (
	absentFirst = 1 << 40
	absentKeys  = 4096
)

// absentAs is a key that is not there, and the type that is asked of it.
func absentAs(turn int, fileType byte) operation {
	return operation{number: absentFirst + turn%absentKeys, fileType: fileType}
}

// operations chooses what comes next.
type operations struct {
	task    task
	turn    int
	chance  *rand.Rand
	weights float64
}

func newOperations(t task) *operations {
	o := &operations{task: t, chance: rand.New(rand.NewPCG(1, 2))}
	for _, set := range t.Sets {
		o.weights += set.Weight
	}
	return o
}

func (o *operations) next() operation {
	turn := o.turn
	o.turn++
	put := o.happens(o.task.Puts)
	if !put && o.happens(o.task.Misses) {
		return absentAs(turn, o.task.Types[turn%len(o.task.Types)])
	}
	set := o.set()
	if put && !o.task.Random {
		return operation{put: true, set: set, number: set.First + turn%set.Keys}
	}
	types := len(o.task.Types)
	key, fileType := turn/types%set.Keys, o.task.Types[turn%types]
	if o.task.Random {
		key, fileType = o.chance.IntN(set.Keys), o.task.Types[o.chance.IntN(types)]
	}
	found := operation{put: put, set: set, number: set.First + key, fileType: fileType}
	if !put {
		found.size = set.size(fileType)
	}
	return found
}

func (o *operations) happens(share float64) bool {
	return share >= 1 || share > 0 && o.chance.Float64() < share
}

func (o *operations) set() keySet {
	if len(o.task.Sets) == 1 {
		return o.task.Sets[0]
	}
	left := o.chance.Float64() * o.weights
	for _, set := range o.task.Sets {
		left -= set.Weight
		if left < 0 {
			return set
		}
	}
	return o.task.Sets[0]
}

// typesOf are the files that a put brings: one at random, or all in turns.
func (o *operations) typesOf(put operation) string {
	if put.fileType != 0 {
		return string(put.fileType)
	}
	return o.task.Types
}
