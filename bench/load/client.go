package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// connect makes a client that keeps connections of HTTP/1.1 open, as many as the task wants.
func connect(t task) (*http.Client, error) {
	pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(t.CA)) {
		return nil, errors.New("no certificate in the authority's PEM")
	}
	connections := t.Connections + t.Watchers
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		ReadBufferSize:      64 * 1024,
		DisableCompression:  true,
		TLSHandshakeTimeout: 30 * time.Second,
	}}, nil
}

// filled is the text with the number of the request in it.
func filled(text string, number int) string {
	return strings.ReplaceAll(text, "{i}", strconv.Itoa(number))
}

// send sends one request and reads its answer to the end.
func send(c *http.Client, t task, number int, buffer []byte) (int64, error) {
	if t.Among > 0 {
		number %= t.Among
	}
	url := t.Address + filled(t.Path, number)
	var body io.Reader
	if t.Body != "" {
		body = strings.NewReader(filled(t.Body, number))
	}
	request, err := http.NewRequest(t.Method, url, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return 0, fmt.Errorf("%s %s: %s: %s", t.Method, url, response.Status, text)
	}
	return drain(response.Body, buffer)
}

func drain(from io.Reader, buffer []byte) (int64, error) {
	var total int64
	for {
		n, err := from.Read(buffer)
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
