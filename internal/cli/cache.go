package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const cacheLong = `Show what is in the local cache: sizes, numbers of entries and times of last use.

Everything in it can be fetched or computed again. It is at --cache-dir, else $CORN_CACHE_DIR,
else in the user's cache folder, and may be deleted at any time.`

func newCache(g *globals) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "cache",
		Short:   "show what is in the local cache",
		Long:    cacheLong + "\n\n" + report.ExitCodes,
		Example: "  corn cache\n  corn cache --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			res, err := pipeline.Cache(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return g.printer().Result(res, func(w io.Writer) error { return writeCache(w, res) })
		},
	}
	cmd.Flags().StringVar(&dir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	return cmd
}

func writeCache(w io.Writer, res *pipeline.CacheResult) error {
	if _, err := fmt.Fprintf(w, "%s: %s\n", res.Dir, report.Size(res.Size)); err != nil {
		return err
	}
	for _, k := range res.Kinds {
		if _, err := fmt.Fprintf(w, "  %-20s %9s  %-14s last used %s, least recently %s\n", k.Kind, report.Size(k.Size),
			report.Count(k.Entries, "entry"), k.Newest.Format(time.DateOnly), k.Oldest.Format(time.DateOnly)); err != nil {
			return err
		}
	}
	return nil
}

const gcLong = `Remove what was not used for long from the local cache.

Without a limit only leftovers of killed processes and abandoned downloads go. What was used
within the last two hours stays whatever the limit of size, for builds that are running.`

func newGC(g *globals) *cobra.Command {
	var req pipeline.TrimRequest
	var age, size string
	cmd := &cobra.Command{
		Use:     "gc",
		Short:   "remove what was not used for long from the local cache",
		Long:    gcLong + "\n\n" + report.ExitCodes,
		Example: "  corn gc --max-age 30d\n  corn gc --max-size 20GB --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.MaxAge, err = parseAge(age); err != nil {
				return usage(cmd, fmt.Errorf("--max-age: %w", err))
			}
			if req.MaxBytes, err = report.ParseSize(size); err != nil {
				return usage(cmd, fmt.Errorf("--max-size: %w", err))
			}
			res, err := pipeline.Trim(cmd.Context(), req)
			if err != nil {
				return err
			}
			return g.printer().Result(res, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s removed, %s freed, %s left in %s\n", report.Count(res.Removed, "entry"), report.Size(res.Freed), report.Size(res.Left), res.Dir)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&age, "max-age", "", "remove what was not used for so long: 30d, 12h")
	f.StringVar(&size, "max-size", "", "remove what was used longest ago until the rest fits: 20GB, 500MiB")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	return cmd
}

// parseAge reads a duration; "30d" are days.
func parseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("%q: want a number of days such as 30d", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q: want 30d, 12h or 90m", s)
	}
	return d, nil
}

// noArguments accepts none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, fmt.Errorf("want no arguments, got %q", args))
	}
	return nil
}
