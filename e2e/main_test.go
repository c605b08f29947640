// Package e2e holds tests that run corn's images: in a real Docker, through their own
// Jupyter, and in a real browser.
//
// They run with CORN_E2E=1 alone, and need what demo/setup.sh installs. Two images are
// built, from the demo channel and base: that of examples/hackweek, and that of
// testdata/links, whose environments hold the packages that are difficult on purpose.
//
// Where things are kept: $CORN_DEMO_DIR, else .demo at the top of the repository, the
// folder of "make demo"; so a second run starts from what the first one made.
//
//	CORN_MICROMAMBA=FILE   micromamba to try on an environment of the image
//	UPDATE_SCREENSHOTS=1   write docs/images/*.png
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
		fmt.Println("e2e: every test was skipped: set CORN_E2E=1 to run them; they need Docker and Chromium (demo/setup.sh)")
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
