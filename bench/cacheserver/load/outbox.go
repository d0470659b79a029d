package main

import (
	"syscall"
	"unsafe"
)

const (
	copiedMax  = 16 * 1024
	vectorsMax = 64
)

// outbox holds what a connection has to send: short pieces copied together, long ones where they are.
type outbox struct {
	arena    []byte
	segments [][]byte
	// The last segment ends where the arena does, and may grow.
	open bool
	// Every piece leaves with a write of its own.
	apart bool
}

func (o *outbox) add(piece []byte) {
	if len(piece) > copiedMax {
		o.segments = append(o.segments, piece)
		o.open = false
		return
	}
	if cap(o.arena)-len(o.arena) < len(piece) {
		o.arena = make([]byte, 0, 256*1024)
		o.open = false
	}
	from := len(o.arena)
	o.arena = append(o.arena, piece...)
	if o.open && !o.apart {
		last := &o.segments[len(o.segments)-1]
		*last = (*last)[:len(*last)+len(piece)]
		return
	}
	o.segments = append(o.segments, o.arena[from:])
	o.open = true
}

// flush sends what the kernel takes, at most so many writes; it tells whether everything is gone.
func (o *outbox) flush(descriptor, writesMax int) (bool, error) {
	for next := 0; ; {
		if next == len(o.segments) {
			o.segments, o.arena, o.open = o.segments[:0], o.arena[:0], false
			return true, nil
		}
		if writesMax == 0 {
			o.segments = o.segments[next:]
			return false, nil
		}
		writesMax--
		count := vectorsMax
		if o.apart {
			count = 1
		}
		sent, errno := writeVector(descriptor, o.segments[next:min(next+count, len(o.segments))])
		if errno == syscall.EAGAIN {
			o.segments = o.segments[next:]
			return false, nil
		}
		if errno != 0 {
			return false, errno
		}
		for sent > 0 {
			segment := &o.segments[next]
			if sent < len(*segment) {
				*segment = (*segment)[sent:]
				break
			}
			sent -= len(*segment)
			next++
		}
	}
}

func writeVector(descriptor int, segments [][]byte) (int, syscall.Errno) {
	var vectors [vectorsMax]syscall.Iovec
	for i, segment := range segments {
		vectors[i] = syscall.Iovec{Base: &segment[0], Len: uint64(len(segment))}
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(descriptor),
		uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(segments)))
	return int(n), errno
}
