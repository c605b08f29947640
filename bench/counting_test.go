package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	c := &counter{next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/gone" {
			http.Error(w, "gone", http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, "twelve bytes")
	})}
	s := httptest.NewServer(c)
	defer s.Close()
	get := func(path string) {
		t.Helper()
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	get("/before")
	was := c.now()
	get("/a")
	get("/gone")
	res, err := http.Post(s.URL, "text/plain", strings.NewReader("seven b"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	s.Close() // so that all handlers have ended
	if got, want := c.since(was), (traffic{Requests: 3, Sent: 7, Fetched: 12 + 5 + 12, Files: 1}); got != want {
		t.Errorf("since = %+v, want %+v", got, want)
	}
}
