package main

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

const (
	// Bodies that nobody looks at are thrown away by the kernel from here on, so that the client costs little.
	discardedMin = 32 * 1024
	silenceMax   = 60 * time.Second
	reopenedMax  = 10_000
	// Writes of one turn, when each piece leaves alone: answers are read in between.
	writesApart = 96
)

// load keeps operations on their way over some connections.
type load struct {
	task        task
	operations  *operations
	noise       []byte
	buffer      []byte
	poll        int
	connections map[int32]*connection
	started     time.Time
	// The phase that runs.
	until    time.Duration
	countMax int
	begun    int
	pending  int
	now      time.Duration
	last     time.Duration
	took     histogram
	bytes    int64
	reopened int
	outcome  outcome
}

func run(t task) (outcome, error) {
	l := &load{task: t, operations: newOperations(t), buffer: make([]byte, 256*1024), connections: map[int32]*connection{}}
	sizeMax := 0
	for _, set := range t.Sets {
		sizeMax = max(sizeMax, set.A, set.I, set.R)
	}
	if t.Check || t.Puts > 0 {
		l.noise = makeNoise(sizeMax)
	}
	var err error
	if l.poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return outcome{}, err
	}
	for range t.Connections {
		if _, err := l.add(); err != nil {
			return outcome{}, err
		}
	}
	l.started = time.Now()
	if t.Warmup > 0 {
		if err := l.phase(t.Warmup, 0); err != nil {
			return outcome{}, err
		}
	}
	return l.measured()
}

func (l *load) measured() (outcome, error) {
	l.took, l.bytes, l.outcome = histogram{}, 0, outcome{}
	server, client := processorSeconds(l.task.Process), ownProcessorSeconds()
	from := time.Since(l.started)
	if err := l.phase(l.task.Seconds, l.task.Count); err != nil {
		return outcome{}, err
	}
	o := l.outcome
	o.ServerCPU, o.ClientCPU = processorSeconds(l.task.Process)-server, ownProcessorSeconds()-client
	o.Count, o.Seconds, o.Bytes = l.took.count, (l.last - from).Seconds(), l.bytes
	if o.Count > 0 {
		o.PerSecond = float64(o.Count) / o.Seconds
	}
	o.P50, o.P99, o.Max = l.took.at(0.5), l.took.at(0.99), milliseconds(float64(l.took.max))
	return o, nil
}

func (l *load) add() (*connection, error) {
	c, err := open(l.task)
	if err != nil {
		return nil, err
	}
	l.connections[int32(c.descriptor)] = c
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.descriptor)}
	return c, syscall.EpollCtl(l.poll, syscall.EPOLL_CTL_ADD, c.descriptor, &event)
}

// phase begins operations for so many seconds, or so many of them, and waits for all that it began.
func (l *load) phase(seconds float64, count int) error {
	now := time.Since(l.started)
	l.until, l.countMax, l.begun = now+time.Duration(seconds*1e9), count, 0
	for _, c := range l.connections {
		if err := l.goOn(c, l.task.Depth, now); err != nil {
			return err
		}
	}
	events := make([]syscall.EpollEvent, 64)
	for l.pending > 0 {
		n, err := syscall.EpollWait(l.poll, events, int(silenceMax.Milliseconds()))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no answer for %v", silenceMax)
		}
		for _, event := range events[:n] {
			if err := l.serve(l.connections[event.Fd], event.Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve does what can be done for a connection now.
func (l *load) serve(c *connection, events uint32) error {
	if c == nil {
		return nil // closed in the same round
	}
	if events&syscall.EPOLLOUT != 0 {
		if err := l.flush(c); err != nil {
			return l.reopen(c)
		}
	}
	if events&^uint32(syscall.EPOLLOUT) == 0 {
		return nil
	}
	answered, err := l.receive(c)
	if err == errClosed {
		return l.reopen(c)
	}
	if err != nil {
		return err
	}
	if l.task.Wave {
		if c.pending() > 0 {
			return nil
		}
		answered = l.task.Depth
	}
	return l.goOn(c, answered, l.now)
}

// goOn begins as many operations, unless the phase is over.
func (l *load) goOn(c *connection, count int, now time.Duration) error {
	if count == 0 || now >= l.until && l.countMax == 0 {
		return nil
	}
	for ; count > 0 && (l.countMax == 0 || l.begun < l.countMax); count-- {
		l.begin(c, l.operations.next(), now)
		l.begun++
		l.pending++
	}
	if err := l.flush(c); err != nil {
		return l.reopen(c)
	}
	return nil
}

// answered ends the operation whose turn it is.
func (l *load) answered(c *connection) {
	op := c.due[c.answered]
	c.answered++
	l.pending--
	l.bytes += int64(op.size)
	l.last = l.now
	l.took.add(l.now - op.begun)
}

// reopen counts what is lost with a connection that the server closed, and goes on with another one.
func (l *load) reopen(c *connection) error {
	l.outcome.Lost += c.pending()
	l.pending -= c.pending()
	delete(l.connections, int32(c.descriptor))
	if err := syscall.Close(c.descriptor); err != nil {
		return err
	}
	if l.reopened++; l.reopened > reopenedMax {
		return errClosed
	}
	fresh, err := l.add()
	if err != nil {
		return err
	}
	return l.goOn(fresh, l.task.Depth, time.Since(l.started))
}

func (l *load) flush(c *connection) error {
	writes := 1 << 30
	if c.out.apart {
		writes = writesApart
	}
	gone, err := c.out.flush(c.descriptor, writes)
	if err != nil {
		return err
	}
	if gone == !c.roomAwaited {
		return nil
	}
	c.roomAwaited = !gone
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.descriptor)}
	if c.roomAwaited {
		event.Events |= syscall.EPOLLOUT
	}
	return syscall.EpollCtl(l.poll, syscall.EPOLL_CTL_MOD, c.descriptor, &event)
}

func (l *load) wrong(format string, facts ...any) {
	if l.outcome.Wrong == 0 {
		l.outcome.Why = fmt.Sprintf(format, facts...)
	}
	l.outcome.Wrong++
}

// receiveBytes reads what is there; without a buffer the kernel throws it away.
func receiveBytes(descriptor int, buffer []byte, length int) (int, error) {
	var at unsafe.Pointer
	flags := uintptr(syscall.MSG_TRUNC)
	if buffer != nil {
		at, flags = unsafe.Pointer(&buffer[0]), 0
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(descriptor), uintptr(at), uintptr(length), flags, 0, 0)
	switch {
	case errno == syscall.EAGAIN:
		return 0, nil
	case errno != 0 || n == 0:
		return 0, errClosed
	}
	return int(n), nil
}
