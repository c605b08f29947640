package checkout

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Date is the committer's date of a commit, in UTC: one of the few times that do not depend on
// when and where something is built.
func Date(ctx context.Context, dir, commit string) (time.Time, error) {
	out, err := git(ctx, dir, "", "show", "-s", "--format=%ct", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("git show: date %q of commit %s", strings.TrimSpace(out), Short(commit))
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// Remote is the page of the repository that the checkout comes from, by its remote "origin";
// "" where there is none, or one that is on this machine.
func Remote(ctx context.Context, dir string) string {
	// Not "remote get-url": that applies url.*.insteadOf, in which people keep tokens.
	out, err := git(ctx, dir, "", "config", "--get", "remote.origin.url")
	if err != nil {
		return ""
	}
	return Page(strings.TrimSpace(out))
}

// scpLike is "git@github.com:team/hub.git", which is no URL.
var scpLike = regexp.MustCompile(`^(?:[^@/:]+@)?([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9-]+):([^/:].*)$`)

// Page turns the address of a git repository into the one that browsers open, the same for all
// ways to clone it: https, no name and password, no ".git". An address on this machine has none.
func Page(remote string) string {
	if m := scpLike.FindStringSubmatch(remote); m != nil {
		remote = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(remote)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	host := u.Host
	switch u.Scheme {
	case "https", "http":
	case "ssh", "git", "git+ssh":
		host = u.Hostname() // the port is ssh's
	default:
		return ""
	}
	page := url.URL{Scheme: "https", Host: strings.ToLower(host), Path: strings.TrimSuffix(strings.TrimRight(u.Path, "/"), ".git")}
	if u.Scheme == "http" {
		page.Scheme = "http"
	}
	return page.String()
}
