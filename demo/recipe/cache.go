package recipe

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// sources is this package's own code: results are kept under its digest, so that no
// change of the conversion can be forgotten.
//
//go:embed *.go
var sources embed.FS

// converter identifies the code that makes packages.
func converter() (string, error) {
	entries, err := sources.ReadDir(".")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		data, err := sources.ReadFile(e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s\x00%d\x00", e.Name(), len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CacheDir is where the demo keeps what it downloads and makes: $CORN_DEMO_CACHE, else
// corn-demo in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("CORN_DEMO_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "corn-demo"), nil
}

// cacheDirs are the folders of one cache.
type cacheDirs struct{ root string }

func openCache(root string) (*cacheDirs, error) {
	c := &cacheDirs{root}
	for _, name := range []string{"debs", "unpacked", "elf", "tools", "made", "packages", "pbs"} {
		if err := os.MkdirAll(c.sub(name), 0o755); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *cacheDirs) sub(name string) string { return filepath.Join(c.root, name) }

// unpack gives the files of a pinned deb that has been fetched.
func (c *cacheDirs) unpack(ctx context.Context, p deb.Pin) ([]channeltest.File, error) {
	return deb.Unpack(ctx, filepath.Join(c.sub("debs"), p.SHA256+".deb"), filepath.Join(c.sub("unpacked"), p.SHA256))
}

// load gives a package made before; nil where it has to be made, also because a file of
// it is gone.
func (c *cacheDirs) load(key string) *channeltest.Package {
	text, err := os.ReadFile(c.packageFile(key))
	if err != nil {
		return nil
	}
	var pkg channeltest.Package
	if json.Unmarshal(text, &pkg) != nil {
		return nil
	}
	for i, f := range pkg.Files {
		if f.Src == "" {
			continue
		}
		pkg.Files[i].Src = filepath.Join(c.root, f.Src)
		if _, err := os.Stat(pkg.Files[i].Src); err != nil {
			return nil
		}
	}
	return &pkg
}

// store keeps a package, with the places of its files relative to the cache.
func (c *cacheDirs) store(key string, pkg channeltest.Package) error {
	files := make([]channeltest.File, len(pkg.Files))
	copy(files, pkg.Files)
	for i := range files {
		if files[i].Src == "" {
			continue
		}
		rel, err := filepath.Rel(c.root, files[i].Src)
		if err != nil {
			return err
		}
		files[i].Src = rel
	}
	pkg.Files = files
	text, err := json.Marshal(pkg)
	if err != nil {
		return err
	}
	return renameio.WriteFile(c.packageFile(key), text, 0o644)
}

func (c *cacheDirs) packageFile(key string) string {
	return filepath.Join(c.sub("packages"), key+".json")
}
