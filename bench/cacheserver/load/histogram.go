package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 3 % wide at most.
type histogram struct {
	buckets [64 * 32]int
	count   int
	max     time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(uint64(d))]++
	h.count++
	h.max = max(h.max, d)
}

func bucketOf(value uint64) int {
	if value < 32 {
		return int(value)
	}
	shift := bits.Len64(value) - 6
	return shift*32 + int(value>>shift)
}

// at is the middle of the bucket below which this part of all lies, in milliseconds.
func (h *histogram) at(part float64) float64 {
	left := int(float64(h.count) * part)
	for bucket, count := range h.buckets {
		if left < count {
			return milliseconds(middleOf(bucket))
		}
		left -= count
	}
	return milliseconds(float64(h.max))
}

func middleOf(bucket int) float64 {
	if bucket < 64 {
		return float64(bucket)
	}
	shift := bucket/32 - 1
	return (float64(bucket-shift*32) + 0.5) * float64(uint64(1)<<shift)
}

func milliseconds(nanoseconds float64) float64 { return nanoseconds / 1e6 }
