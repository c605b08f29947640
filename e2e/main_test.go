package e2e

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, end := range atEnd {
		end()
	}
	if os.Getenv("CORN_E2E") != "1" {
		fmt.Println("e2e: every test was skipped: set CORN_E2E=1 to run them; they need Docker and Chromium (demo/setup.sh tests)")
	}
	os.Exit(code)
}

// atEnd is called when all tests are done.
var atEnd []func()

// need skips a test that is not asked for, and fails it where the stage cannot be made.
func need(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("CORN_E2E") != "1" {
		t.Skip("runs images in Docker: set CORN_E2E=1")
	}
	s, err := theStage()
	if err != nil {
		t.Fatalf("set up: %v", err)
	}
	return s
}

var theStage = sync.OnceValues(func() (*stage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return newStage(ctx)
})
