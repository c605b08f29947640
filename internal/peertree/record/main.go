// Command record makes the recordings of package peertree: it lets a real micromamba install
// each environment and writes down what came of it.
//
//	CORN_MICROMAMBA=/path/to/micromamba go run ./internal/peertree/record           # the worlds
//	CORN_MICROMAMBA=/path/to/micromamba go run ./internal/peertree/record -demo     # the demo's environments
//
// It runs at the top of the repository, as root or where "unshare -rm" works: every installation
// has its own mount namespace with a temporary folder at /srv, so that the prefix is that of the
// image and the machine's /srv stays as it is. Packages come from a server on loopback; its address
// is replaced by https://conda.anaconda.org in what is recorded. HOME, cache and root prefix are
// fresh for each environment.
//
// micromamba 2.8.1 was used. Later snapshots of it link the packages of a lock in the order of a
// hash table, which makes clobbers a matter of chance.
//
// -demo needs what "make demo" made: the channel in $CORN_DEMO_DIR or .demo (else it makes that,
// which takes minutes). Bytecode is compiled there where the environment's Python runs on this
// machine; recordings of the worlds are made with --no-pyc, for their Pythons are scripts.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/peertree"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

func main() {
	out := flag.String("o", filepath.Join("internal", "peertree", "testdata"), "folder for the recordings")
	demo := flag.Bool("demo", false, "record the demo's environments in place of the worlds")
	only := flag.String("only", "", "record this environment alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *out, *demo, *only)
	stop()
	if err != nil {
		log.SetFlags(0)
		log.Fatal("record: ", err)
	}
}

// A job is one environment to record.
type job struct {
	name, file   string // of the environment; of its lock
	lock, inputs string
	archives     map[string]peertree.Archive
	noPyc        bool
}

func run(ctx context.Context, out string, demo bool, only string) error {
	exe := os.Getenv("CORN_MICROMAMBA")
	if exe == "" {
		return fmt.Errorf("CORN_MICROMAMBA names no micromamba")
	}
	temp, err := os.MkdirTemp("", "peertree-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	jobs, channel, err := worlds(temp)
	if demo {
		jobs, channel, err = environments(ctx, temp)
	}
	if err != nil {
		return err
	}
	server := httptest.NewServer(channeltest.NewHandler(channel, channeltest.Options{}))
	defer server.Close()
	for _, j := range jobs {
		if only != "" && j.name != only {
			continue
		}
		p := peer{exe: exe, dir: filepath.Join(temp, j.name), url: server.URL}
		r, err := p.record(ctx, j)
		if err != nil {
			return fmt.Errorf("environment %s: %w", j.name, err)
		}
		name := filepath.Join(out, peertree.RecordingName(j.name))
		if err := r.Save(name); err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%s: %d paths, %d packages, of %s\n", name, len(r.Nodes), len(r.Records), r.Inputs)
	}
	return nil
}

// worlds publishes the packages of the worlds.
func worlds(temp string) ([]job, string, error) {
	list, err := peertree.Worlds()
	if err != nil {
		return nil, "", err
	}
	channel := filepath.Join(temp, "channel")
	locks, archives, err := peertree.Publish(channel, list)
	if err != nil {
		return nil, "", err
	}
	var jobs []job
	for _, w := range list {
		inputs, err := w.Inputs()
		if err != nil {
			return nil, "", err
		}
		jobs = append(jobs, job{name: w.Name, file: projecttest.FileName(w.Format, channeltest.Platform),
			lock: locks[w.Name], inputs: inputs, archives: archives, noPyc: true})
	}
	return jobs, channel, nil
}

// environments takes the locks of the demo.
func environments(ctx context.Context, temp string) ([]job, string, error) {
	stage, err := peertree.OpenStage(ctx, ".", temp)
	if err != nil {
		return nil, "", err
	}
	var jobs []job
	for _, e := range stage.Environments {
		data, err := os.ReadFile(e.Lock)
		if err != nil {
			return nil, "", err
		}
		jobs = append(jobs, job{name: e.Name, file: filepath.Base(e.Lock), lock: string(data), inputs: e.Inputs})
	}
	return jobs, stage.Channel, nil
}

// A peer is one run of micromamba.
type peer struct {
	exe, dir, url string
}

const realURL = "https://conda.anaconda.org"

func (p *peer) record(ctx context.Context, j job) (*peertree.Recording, error) {
	srv := filepath.Join(p.dir, "srv")
	for _, d := range []string{filepath.Join(srv, "conda", "envs"), filepath.Join(p.dir, "home")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	// The root prefix is below /srv too: files are hard links then. Copies have other times, to which
	// shipped bytecode does not fit, and a Python that runs would write it anew.
	// The file's name tells micromamba what it is: conda-lock.yml, or anything for a list of URLs.
	lock := filepath.Join(p.dir, j.file)
	if err := os.WriteFile(lock, []byte(strings.ReplaceAll(j.lock, realURL+"/", p.url+"/")), 0o600); err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, p.exe, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", p.exe, err)
	}
	prefix := peertree.Prefix(j.name)
	args := []string{"create", "--no-rc", "--no-env", "-y", "-q", "-r", "/srv/root", "-p", prefix, "-f", lock}
	if j.noPyc {
		args = append(args, "--no-pyc")
	}
	if err := p.run(ctx, srv, args); err != nil {
		return nil, err
	}
	tree, err := peertree.FromDir(filepath.Join(srv, strings.TrimPrefix(prefix, "/srv/")))
	if err != nil {
		return nil, err
	}
	for name, data := range tree.Meta {
		tree.Meta[name] = []byte(strings.ReplaceAll(string(data), p.url+"/", realURL+"/"))
	}
	r, err := peertree.NewRecording(tree, j.archives)
	if err != nil {
		return nil, err
	}
	r.Tool, r.Date = "micromamba "+strings.TrimSpace(string(version)), time.Now().UTC().Format(time.DateOnly)
	r.Inputs, r.Prefix = j.inputs, prefix
	return r, nil
}

// run runs micromamba with srv at /srv.
func (p *peer) run(ctx context.Context, srv string, args []string) error {
	args = append([]string{"-rm", "sh", "-c", `mount --bind "$1" /srv && shift && umask 022 && exec "$@"`, "sh", srv, p.exe}, args...)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Env = []string{"HOME=" + filepath.Join(p.dir, "home"), "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", "no_proxy=127.0.0.1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
