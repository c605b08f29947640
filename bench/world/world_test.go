package world

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

func record(name, version string, sizeBytes int64, depends ...string) channeltest.Record {
	return channeltest.Record{
		Subdir: "noarch", FileName: name + "-" + version + "-0.conda", SizeBytes: sizeBytes,
		MD5: strings.Repeat("0", 32), SHA256: name + version,
		Index: channeltest.Index{Name: name, Version: version, Build: "0", Depends: depends, Subdir: "noarch"},
	}
}

func TestMake(t *testing.T) {
	ch, err := locks.NewChannel([]channeltest.Record{
		record("python", "3.11.11", 900), record("ipykernel", "6.17.0", 10, "python"),
		record("pygments", "2.14.0", 20), record("pygments", "2.18.0", 20),
		record("jedi", "0.18.2", 10), record("jedi", "0.19.1", 90),
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(t.TempDir(), ch, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(p.Kernels); got != 2 {
		t.Fatalf("%d kernels, want 2", got)
	}
	if p.ArchiveBytes != 1020 || p.AllArchiveBytes != 930+1020 || p.Archives != 4 || p.AllArchives != 7 {
		t.Errorf("archives %d of %d bytes, all %d of %d, want 4 of 1020, 7 of 1950", p.Archives, p.ArchiveBytes, p.AllArchives, p.AllArchiveBytes)
	}
	if want := 930.0 / 1020; p.Share != want {
		t.Errorf("share = %v, want %v: jedi is the second kernel's own", p.Share, want)
	}
	if want := 2.0 / 4; p.PackageShare >= 1 || p.PackageShare <= want {
		t.Errorf("share of packages = %v, want between %v and 1", p.PackageShare, want)
	}
	bumped, err := Make(t.TempDir(), ch, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(bumped.Dir, "environments", "climate", locks.CondaLockFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(lock), "pygments-2.18.0-0.conda") {
		t.Errorf("bumped lock has no pygments 2.18:\n%s", lock)
	}
	if _, err := Make(t.TempDir(), ch, MaxKernels+1, false); err == nil {
		t.Errorf("%d kernels are made, want an error", MaxKernels+1)
	}
}
