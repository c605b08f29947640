package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/peers"
	"github.com/nasa-openscapes/corn/bench/rattler"
	"github.com/nasa-openscapes/corn/conda/matchspec"
)

// Variations of the recorded environments: no peer's answer to them is known, so the peers are run. This
// looks for environments in which corn's answer is not as good as theirs.

type variationsCommand struct {
	options
	seed   uint64
	count  int
	offset int
}

func compareCommand() *cobra.Command {
	var v variationsCommand
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Solve variations of real environments with corn, micromamba and rattler, and say where corn's answer is not as good",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := &bench{options: v.options, log: cmd.ErrOrStderr()}
			return b.compare(cmd.Context(), cmd.OutOrStdout(), &v)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.dir, "dir", ".demo", "folder to work in, in bench/ below it")
	f.StringVar(&v.corn, "corn", filepath.Join("bin", "corn"), "corn's binary")
	f.StringVar(&v.index, "index", filepath.Join("..", "shared", "data", "index"), "folder with a real index and real environments")
	f.Uint64Var(&v.seed, "seed", 1, "what the variations follow from")
	f.IntVar(&v.offset, "from", 0, "leave out so many of them")
	f.IntVar(&v.count, "count", 100, "how many to try")
	f.DurationVar(&v.peerLimit, "peer-limit", 40*time.Second, "end a peer that takes longer; it has no answer then")
	return cmd
}

// A variation is one request.
type variation struct {
	name    string
	specs   []string
	virtual []string
}

func (b *bench) compare(ctx context.Context, out io.Writer, v *variationsCommand) error {
	for _, p := range []*string{&b.dir, &b.corn, &b.index} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	var err error
	if b.peerProgram, err = oldway.Find(exec.LookPath, os.Getenv); err != nil {
		return err
	}
	if err := os.MkdirAll(b.path(), 0o755); err != nil {
		return err
	}
	if b.rattler, err = rattler.Setup(ctx, b.path("rattler")); err != nil {
		return err
	}
	all, err := readAnswers(filepath.Join(b.index, "answers.jsonl.zst"))
	if err != nil {
		return err
	}
	versions, err := readVersions(filepath.Join(b.index, "conda-forge"))
	if err != nil {
		return err
	}
	server := b.serveIndex()
	defer server.Close()
	solved, faulty := 0, 0
	for i := v.offset; i < v.offset+v.count; i++ {
		x := vary(rand.New(rand.NewPCG(v.seed, uint64(i))), all, versions)
		x.name = fmt.Sprintf("%d %s", i, x.name)
		mine, err := b.cornAnswer(ctx, server.URL, x)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		var others []peers.Answer
		for _, ask := range []func(context.Context, string, variation) (peers.Answer, error){b.micromambaAnswer, b.rattlerAnswer} {
			limited, stop := context.WithTimeout(ctx, b.peerLimit)
			a, err := ask(limited, server.URL, x)
			stop()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				fmt.Fprintf(out, "%s: %s gives no answer: %v\n", x.name, a.Who, firstOf(err.Error()))
			}
			others = append(others, a)
		}
		if mine.Solvable {
			solved++
		}
		faults := peers.Faults(mine, namesOf(x.specs), others...)
		if len(faults) > 0 {
			faulty++
			for _, o := range others {
				older, newer := peers.Differences(mine, o)
				fmt.Fprintf(out, "%s: against %s: older %v, newer %v\n", x.name, o.Who, older, newer)
			}
		}
		for _, f := range faults {
			fmt.Fprintf(out, "FAULT %s: %s\n  specs %q\n  virtual %q\n", x.name, f, x.specs, x.virtual)
		}
		fmt.Fprintf(out, "%s: %s\n", x.name, tallyOf(mine, others))
	}
	_, err = fmt.Fprintf(out, "%d variations, %d of them solvable, %d with faults\n", v.count, solved, faulty)
	return err
}

func firstOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line[:min(len(line), 200)]
}

// tallyOf says how mine stands to each peer.
func tallyOf(mine peers.Answer, others []peers.Answer) string {
	if !mine.Solvable {
		return "no answer"
	}
	parts := []string{fmt.Sprintf("%d packages", len(mine.Versions))}
	for _, o := range others {
		if !o.Solvable {
			parts = append(parts, o.Who+" none")
			continue
		}
		older, newer := peers.Differences(mine, o)
		parts = append(parts, fmt.Sprintf("%s %d older %d newer", o.Who, len(older), len(newer)))
	}
	return strings.Join(parts, ", ")
}

// readVersions lists the versions of each name in an index, as they come.
func readVersions(dir string) (map[string][]string, error) {
	versions := map[string][]string{}
	for _, sub := range []string{"linux-64", "noarch"} {
		packed, err := os.ReadFile(filepath.Join(dir, sub, "repodata.json.zst"))
		if err != nil {
			return nil, err
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		plain, err := z.DecodeAll(packed, nil)
		z.Close()
		if err != nil {
			return nil, err
		}
		type rec struct{ Name, Version string }
		var doc struct {
			Packages map[string]rec `json:"packages"`
			Conda    map[string]rec `json:"packages.conda"`
		}
		if err := json.Unmarshal(plain, &doc); err != nil {
			return nil, err
		}
		for _, section := range []map[string]rec{doc.Packages, doc.Conda} {
			for _, r := range section {
				versions[r.Name] = append(versions[r.Name], r.Version)
			}
		}
	}
	for n, v := range versions {
		slices.Sort(v)
		versions[n] = slices.Compact(v)
	}
	return versions, nil
}

// vary makes a request out of recorded ones.
func vary(rng *rand.Rand, all []recorded, versions map[string][]string) variation {
	base := all[rng.IntN(len(all))]
	x := variation{name: strings.TrimSuffix(filepath.Base(base.Env), ".yml"), specs: slices.Clone(base.Specs), virtual: slices.Clone(base.Virtual)}
	note := func(format string, args ...any) { x.name += " " + fmt.Sprintf(format, args...) }
	if rng.IntN(3) == 0 {
		other := all[rng.IntN(len(all))]
		note("and %s", strings.TrimSuffix(filepath.Base(other.Env), ".yml"))
		have := namesOf(x.specs)
		for _, s := range other.Specs {
			if n := nameOf(s); n != "" && !slices.Contains(have, n) && rng.IntN(2) == 0 {
				x.specs = append(x.specs, s)
			}
		}
	}
	if rng.IntN(2) == 0 {
		before, share := len(x.specs), 1+rng.IntN(6)
		x.specs = slices.DeleteFunc(x.specs, func(string) bool { return rng.IntN(10) < share })
		note("without %d", before-len(x.specs))
	}
	if rng.IntN(4) > 0 { // pins go: more is solvable, and there is more to choose
		n, share := 0, 1+rng.IntN(5)
		for i, s := range x.specs {
			if name := nameOf(s); name != "" && name != s && rng.IntN(5) < share {
				x.specs[i] = name
				n++
			}
		}
		note("%d unpinned", n)
	}
	for range rng.IntN(4) {
		if len(x.specs) == 0 {
			break
		}
		i := rng.IntN(len(x.specs))
		name := nameOf(x.specs[i])
		have := versions[name]
		if len(have) == 0 {
			continue
		}
		v := have[len(have)-1-rng.IntN(min(8, len(have)))] // an old one rarely goes with the rest
		x.specs[i] = name + []string{" >=" + v, " <" + v, " <=" + v, " " + v, "!=" + v, "=" + minor(v)}[rng.IntN(6)]
		note("%s", strings.ReplaceAll(x.specs[i], " ", ""))
	}
	if rng.IntN(3) == 0 {
		python := "python=" + []string{"3.10", "3.11", "3.12", "3.13", "3.14"}[rng.IntN(5)]
		x.specs = append(slices.DeleteFunc(x.specs, func(s string) bool { return nameOf(s) == "python" }), python)
		note("%s", python)
	}
	if len(x.specs) == 0 {
		x.specs = []string{"python"}
	}
	for i, v := range x.virtual {
		if strings.HasPrefix(v, "__glibc=") && rng.IntN(2) == 0 {
			x.virtual[i] = "__glibc=" + []string{"2.17", "2.28", "2.31", "2.35", "2.39"}[rng.IntN(5)]
			note("%s", x.virtual[i])
		}
	}
	if rng.IntN(4) == 0 && !slices.ContainsFunc(x.virtual, func(v string) bool { return strings.HasPrefix(v, "__cuda") }) {
		x.virtual = append(x.virtual, "__cuda=12.4")
		note("__cuda")
	}
	return x
}

// minor is the version's first two numbers.
func minor(v string) string {
	f := strings.SplitN(v, ".", 3)
	return strings.Join(f[:min(2, len(f))], ".")
}

func nameOf(spec string) string {
	m, err := matchspec.Parse(spec)
	if err != nil {
		return ""
	}
	name, _ := m.ExactName()
	return name
}

func namesOf(specs []string) []string {
	var names []string
	for _, s := range specs {
		names = append(names, nameOf(s))
	}
	return names
}

// cornAnswer runs corn solve.
func (b *bench) cornAnswer(ctx context.Context, url string, x variation) (peers.Answer, error) {
	a := peers.Answer{Who: "corn", Versions: map[string]string{}}
	argv := []string{"solve", "-c", url + "/conda-forge", "--platform", "linux-64", "--json", "--cache-dir", b.path("solve-cache")}
	for _, v := range x.virtual {
		argv = append(argv, "--virtual", v)
	}
	cmd := exec.CommandContext(ctx, b.corn, append(append(argv, "--"), x.specs...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 4 {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("run corn solve: %w: %s", err, said.String())
	}
	var doc struct {
		Packages []struct{ Name, Version string }
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return a, fmt.Errorf("read the result of corn solve: %w", err)
	}
	a.Solvable = true
	for _, p := range doc.Packages {
		a.Versions[p.Name] = p.Version
	}
	return a, nil
}

// micromambaAnswer runs micromamba's dry run. An answer that does not come is no answer.
func (b *bench) micromambaAnswer(ctx context.Context, url string, x variation) (peers.Answer, error) {
	a := peers.Answer{Who: "micromamba", Versions: map[string]string{}}
	argv, env := b.micromamba(url, x.virtual)
	cmd := exec.CommandContext(ctx, b.peerProgram, append(argv, x.specs...)...)
	cmd.Env = env
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	var doc struct {
		Actions struct {
			Link []struct{ Name, Version string }
		}
		Problems []string `json:"solver_problems"`
	}
	if e := json.Unmarshal(out, &doc); e != nil {
		return a, fmt.Errorf("run micromamba: %w", errors.Join(err, e))
	}
	if err != nil || len(doc.Problems) > 0 {
		return a, nil
	}
	a.Solvable = true
	for _, p := range doc.Actions.Link {
		a.Versions[p.Name] = p.Version
	}
	return a, nil
}

// rattlerAnswer runs the rattler solver.
func (b *bench) rattlerAnswer(ctx context.Context, url string, x variation) (peers.Answer, error) {
	a := peers.Answer{Who: "rattler", Versions: map[string]string{}}
	req, err := b.rattlerRequest(url, x.specs, x.virtual)
	if err != nil {
		return a, err
	}
	got, err := b.rattler.Solve(ctx, req)
	if err != nil {
		return a, err
	}
	a.Solvable = got.Unsolvable == ""
	for _, p := range got.Packages {
		a.Versions[p.Name] = p.Version
	}
	return a, nil
}
