package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdEdit(ts *testscript.TestScript, args []string) error {
	old, err := unescape(args[1])
	if err != nil {
		return err
	}
	text, err := unescape(args[2])
	if err != nil {
		return err
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := bytes.Count(data, []byte(old)); n != 1 {
		return fmt.Errorf("%s has %q %d times:\n%s", args[0], old, n, data)
	}
	return os.WriteFile(file, bytes.Replace(data, []byte(old), []byte(text), 1), 0o644)
}

func cmdWrite(ts *testscript.TestScript, args []string) error {
	text, err := unescape(args[1])
	if err != nil {
		return err
	}
	file := ts.MkAbs(args[0])
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func unescape(s string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
}

func cmdDamage(ts *testscript.TestScript, args []string) error {
	return damage(ts.MkAbs(args[0]), args[1])
}

func damage(file, how string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	switch how {
	case "remove":
		return os.Remove(file)
	case "truncate":
		data = data[:len(data)/2]
	case "flip":
		data[len(data)/2] ^= 0x10
	default:
		return fmt.Errorf("no damage is called %q", how)
	}
	if err := os.Remove(file); err != nil { // the cache's are read-only
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func cmdRot(ts *testscript.TestScript, args []string) error {
	i := slices.Index(args, "--")
	n := 0
	for _, kind := range args[1:i] {
		err := filepath.WalkDir(filepath.Join(ts.Getenv("CORN_CACHE_DIR"), "v1", kind), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			return damage(file, args[0])
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("the cache has nothing of %v", args[1:i])
	}
	return ts.Exec(args[i+1], args[i+2:]...)
}
