package run

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measures on Linux only")
	}
	var out bytes.Buffer
	u, err := Run(context.Background(), Options{OneCore: true, Stdout: &out}, "sh", "-c", "nproc; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.2")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(out.String()); got != "1" {
		t.Errorf("nproc on one core = %s, want 1", got)
	}
	if u.CPU <= 0 || u.Wall < 200*time.Millisecond || u.PeakBytes < 100_000 || u.TreeBytes < u.PeakBytes {
		t.Errorf("usage = %+v, want CPU time, 200 ms or more, and memory", u)
	}
	if _, err := Run(context.Background(), Options{}, "sh", "-c", "echo because >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "because") {
		t.Errorf("failed program: error %v, want what it said", err)
	}
}

func TestBest(t *testing.T) {
	got := Best([]Usage{{Wall: 3, CPU: 1, PeakBytes: 5}, {Wall: 2, CPU: 2, PeakBytes: 9}})
	if want := (Usage{Wall: 2, CPU: 1, PeakBytes: 5}); got != want {
		t.Errorf("Best = %+v, want %+v", got, want)
	}
}
