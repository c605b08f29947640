package checkout

import (
	"cmp"
	"slices"
	"strings"
)

// Branches are the branches that a build is about.
type Branches struct {
	// Own is the branch that is built; empty for a tag or a detached head, whose image is
	// nobody's last one.
	Own string
	// Before are those whose last image is the nearest to it, nearest first: the one that a
	// pull request goes to, the repository's default, main and master.
	Before []string
}

// Branches combines what CI says, through getenv, with the checkout: CI checks commits out,
// not branches.
//
// Sources: GitHub, "Default environment variables"; GitLab, "Predefined CI/CD variables
// reference". Other systems are served by the checkout, or by --from.
func (s State) Branches(getenv func(string) string) Branches {
	var b Branches
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		b.Own = getenv("GITHUB_HEAD_REF") // of a pull request
		if b.Own == "" && getenv("GITHUB_REF_TYPE") != "tag" {
			b.Own = getenv("GITHUB_REF_NAME")
		}
	case getenv("GITLAB_CI") == "true":
		if b.Own = getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"); b.Own == "" && getenv("CI_COMMIT_TAG") == "" {
			b.Own = getenv("CI_COMMIT_REF_NAME")
		}
	default:
		b.Own = s.Branch
		if !s.Git {
			b.Own = "main" // a folder has one history, too
		}
	}
	target := cmp.Or(getenv("GITHUB_BASE_REF"), getenv("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"))
	for _, name := range []string{target, getenv("CI_DEFAULT_BRANCH"), s.Default, "main", "master"} {
		if name != "" && name != b.Own && !slices.Contains(b.Before, name) {
			b.Before = append(b.Before, name)
		}
	}
	return b
}

// maxTagWord leaves room for what stands before it in a tag of at most 128 letters.
const maxTagWord = 100

// TagWord turns a branch into letters that a tag may have.
func TagWord(branch string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, branch)
	return word[:min(len(word), maxTagWord)]
}
