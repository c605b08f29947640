package recipe

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	devPrefix = flag.String("prefix", "", "folder to install the packages of -ids into")
	devRoot   = flag.String("root", "", "root file system that -prefix is in")
	devEach   = flag.Bool("each", false, "build one by one and give every error")
	devIDs    = flag.String("ids", "small", "recipes to build: IDs with commas between, small or full")
)

func cacheForTest(t *testing.T) string {
	dir := os.Getenv("CORN_DEMO_CACHE")
	if dir == "" {
		t.Skip("needs CORN_DEMO_CACHE, a folder with room for a gigabyte, and a Debian mirror")
	}
	return dir
}

func TestDev(t *testing.T) {
	if *devPrefix == "" {
		t.Skip("for trying packages out; ask with -prefix")
	}
	ids := strings.Split(*devIDs, ",")
	switch *devIDs {
	case "small":
		ids = Small()
	case "full":
		ids = Full()
	}
	start := time.Now()
	if *devEach {
		for _, id := range ids {
			if _, err := Build(context.Background(), cacheForTest(t), []string{id}, 2); err != nil {
				t.Error(err)
			}
		}
		return
	}
	pkgs, err := Build(context.Background(), cacheForTest(t), ids, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("built %d in %v", len(pkgs), time.Since(start))
	for _, p := range pkgs {
		t.Logf("%s %s %s: %s", p.Name, p.Version, p.Build, strings.Join(p.Depends, ", "))
	}
	if *devPrefix != "none" {
		install(t, *devRoot, *devPrefix, pkgs)
	}
}
