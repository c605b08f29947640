package locks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names of the lock files written.
const (
	CondaLockFile = "conda-lock.yml"
	ExplicitFile  = "conda-linux-64.lock"
)

// Written is one lock file that Project wrote.
type Written struct {
	File     string
	Packages int
	// Changed is false where the file had these bytes already.
	Changed bool
}

// Project locks every environment.yml below dir against the channel folder. A folder
// that has a conda-linux-64.lock, or is named in explicit, gets that; all others get
// conda-lock.yml. Nothing is written unless all can be solved.
func Project(dir, channelDir string, explicit []string) ([]Written, error) {
	ch, err := ReadChannel(channelDir)
	if err != nil {
		return nil, err
	}
	var files []string
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "environment.yml" {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for environments: %w", err)
	}
	slices.Sort(files)
	if len(files) == 0 {
		return nil, fmt.Errorf("no environment.yml below %s", dir)
	}
	type output struct {
		file string
		data []byte
		n    int
	}
	var outputs []output
	var failures []error
	for _, file := range files {
		lock, err := solveFile(ch, file)
		if err != nil {
			failures = append(failures, fmt.Errorf("lock %s: %w", file, err))
			continue
		}
		folder := filepath.Dir(file)
		name, write := CondaLockFile, Lock.WriteCondaLock
		if _, err := os.Stat(filepath.Join(folder, ExplicitFile)); err == nil || slices.Contains(explicit, filepath.Base(folder)) {
			name, write = ExplicitFile, Lock.WriteExplicit
		}
		var buf bytes.Buffer
		if err := write(lock, io.Writer(&buf)); err != nil {
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		outputs = append(outputs, output{filepath.Join(folder, name), buf.Bytes(), len(lock.Packages)})
	}
	if len(failures) > 0 {
		return nil, errors.Join(failures...)
	}
	var written []Written
	for _, o := range outputs {
		old, err := os.ReadFile(o.file)
		changed := err != nil || !bytes.Equal(old, o.data)
		if changed {
			if err := os.WriteFile(o.file, o.data, 0o644); err != nil {
				return written, fmt.Errorf("write lock: %w", err)
			}
		}
		written = append(written, Written{o.file, o.n, changed})
	}
	return written, nil
}

func solveFile(ch *Channel, file string) (Lock, error) {
	env, err := ReadEnvironment(file)
	if err != nil {
		return Lock{}, err
	}
	for _, name := range env.Channels {
		if strings.TrimRight(name, "/") != ChannelName && strings.TrimRight(name, "/") != ChannelURL {
			return Lock{}, fmt.Errorf("channel %q: only %s can be locked here", name, ChannelName)
		}
	}
	packages, err := Solve(ch, env.Specs, DefaultVirtual)
	if err != nil {
		return Lock{}, err
	}
	return Lock{Environment: env, Packages: packages}, nil
}
