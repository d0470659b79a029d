package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"
)

const (
	version   = "000000fe"
	hitBytes  = 2 + 16 + idBytes
	missBytes = 2 + idBytes
)

// errClosed says that the server closed the connection.
var errClosed = errors.New("the server closed the connection")

// connection sends operations and takes their answers in order.
type connection struct {
	descriptor int
	out        outbox
	// Whether epoll tells when there is room to send.
	roomAwaited bool
	due         []operation
	answered    int // of due, from its start
	header      [hitBytes]byte
	headerUsed  int
	bodyLeft    int
	// What the rest of the body has to be, when that is looked at.
	body []byte
}

// open connects and agrees on the version; reading and writing never wait from then on.
func open(t task) (*connection, error) {
	descriptor, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	address := &syscall.SockaddrInet4{Port: t.Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Connect(descriptor, address); err != nil {
		return nil, fmt.Errorf("connecting to port %d: %w", t.Port, err)
	}
	if t.Pieces == 0 {
		if err := syscall.SetsockoptInt(descriptor, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return nil, err
		}
	}
	if _, err := syscall.Write(descriptor, []byte(version)); err != nil {
		return nil, err
	}
	answer := make([]byte, 0, len(version))
	for len(answer) < len(version) {
		n, err := syscall.Read(descriptor, answer[len(answer):cap(answer)])
		if err != nil || n == 0 {
			return nil, fmt.Errorf("the version is not answered: %v", err)
		}
		answer = answer[:len(answer)+n]
	}
	return &connection{descriptor: descriptor, out: outbox{apart: t.Pieces > 0}}, syscall.SetNonblock(descriptor, true)
}

func (c *connection) pending() int { return len(c.due) - c.answered }

// begin puts an operation into the outbox.
func (l *load) begin(c *connection, op operation, now time.Duration) {
	op.begun = now
	if c.answered == len(c.due) {
		c.due, c.answered = c.due[:0], 0
	}
	if op.put {
		l.addPut(c, op)
		fence := absentAs(op.number, 'i')
		op.number, op.fileType, op.set = fence.number, fence.fileType, keySet{}
	}
	c.due = append(c.due, op)
	l.addGet(c, op)
}

func (l *load) addGet(c *connection, op operation) {
	var request [2 + idBytes]byte
	request[0], request[1] = 'g', op.fileType
	putID(request[2:], op.number, op.set.A, op.set.I, op.set.R)
	if l.task.Pieces == 3 {
		c.out.add(request[:2])
		c.out.add(request[2:18])
		c.out.add(request[18:])
		return
	}
	c.out.add(request[:])
}

func (l *load) addPut(c *connection, op operation) {
	var request [2 + idBytes]byte
	request[0], request[1] = 't', 's'
	putID(request[2:], op.number, op.set.A, op.set.I, op.set.R)
	c.out.add(request[:])
	for _, fileType := range []byte(l.operations.typesOf(op)) {
		size := op.set.size(fileType)
		if size == 0 {
			continue
		}
		c.out.add(fmt.Appendf(request[:0], "p%c%016x", fileType, size))
		c.out.add(bytesOf(l.noise, op.number, fileType, size))
		l.bytes += int64(size)
	}
	c.out.add([]byte("te"))
}

// receive takes what is there, once, and tells how many operations that answered.
func (l *load) receive(c *connection) (int, error) {
	if c.bodyLeft > discardedMin && !l.task.Check {
		n, err := receiveBytes(c.descriptor, nil, c.bodyLeft)
		if n <= 0 {
			return 0, err
		}
		l.now = time.Since(l.started)
		return l.take(c, nil, n)
	}
	n, err := receiveBytes(c.descriptor, l.buffer, len(l.buffer))
	if n <= 0 {
		return 0, err
	}
	l.now = time.Since(l.started)
	return l.take(c, l.buffer[:n], 0)
}

// take goes through bytes that came, or notes that so many bytes of a body came and were thrown away.
func (l *load) take(c *connection, part []byte, discarded int) (int, error) {
	answered := 0
	c.bodyLeft -= discarded
	ended := discarded > 0 && c.bodyLeft == 0
	for {
		if ended {
			l.answered(c)
			answered++
			ended = false
		}
		if len(part) == 0 {
			return answered, nil
		}
		if c.bodyLeft > 0 {
			n := min(c.bodyLeft, len(part))
			l.compare(c, part[:n])
			c.bodyLeft -= n
			part = part[n:]
			ended = c.bodyLeft == 0
			continue
		}
		n, whole, err := l.takeHeader(c, part)
		if err != nil {
			return answered, err
		}
		part = part[n:]
		ended = whole && c.bodyLeft == 0
	}
}

// takeHeader tells how much of the bytes belongs to the header, and whether it is whole with that.
func (l *load) takeHeader(c *connection, part []byte) (int, bool, error) {
	if c.pending() == 0 {
		return 0, false, errors.New("an answer to nothing")
	}
	op := c.due[c.answered]
	length := missBytes
	switch {
	case l.task.Empty && op.size > 0:
		length = hitBytes
	case l.task.Empty:
	case c.headerUsed == 0 && part[0] == '+', c.headerUsed > 0 && c.header[0] == '+':
		length = hitBytes
	}
	n := copy(c.header[c.headerUsed:length], part)
	c.headerUsed += n
	if c.headerUsed < length {
		return n, false, nil
	}
	c.headerUsed = 0
	if l.task.Empty {
		c.bodyLeft = op.size
		return n, true, nil
	}
	return n, true, l.readHeader(c, op, c.header[:length])
}

func (l *load) readHeader(c *connection, op operation, header []byte) error {
	var id [idBytes]byte
	putID(id[:], op.number, op.set.A, op.set.I, op.set.R)
	if header[0] != '+' && header[0] != '-' || header[1] != op.fileType ||
		!bytes.Equal(header[len(header)-idBytes:], id[:]) {
		return fmt.Errorf("out of step: %q is no answer to a get of %c", header, op.fileType)
	}
	size := 0
	if header[0] == '+' {
		parsed, err := strconv.ParseUint(string(header[2:18]), 16, 31)
		if err != nil {
			return fmt.Errorf("the size of an answer: %w", err)
		}
		size = int(parsed)
	}
	if size != op.size {
		l.wrong("%d bytes instead of %d", size, op.size)
	}
	c.bodyLeft, c.body = size, nil
	if l.task.Check && size == op.size && size > 0 {
		c.body = bytesOf(l.noise, op.number, op.fileType, size)
	}
	return nil
}

func (l *load) compare(c *connection, part []byte) {
	if c.body == nil {
		return
	}
	if !bytes.Equal(part, c.body[:len(part)]) {
		l.wrong("other bytes, %d from the end of the file", len(c.body))
		c.body = nil
		return
	}
	c.body = c.body[len(part):]
}
