package resolve

import (
	"context"
	"errors"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
)

// store keeps what the index said; the searches of one request share it.
type store struct {
	idx      Index
	python   pep440.Version // of the target
	projects map[string]listing
	read     map[*File]*parsed
	direct   map[string]*File // by URL
	pythons  map[string]pythonFit
	stats    Stats
}

type listing struct {
	files []*File
	err   error
}

// parsed is metadata in the form in which it is used.
type parsed struct {
	name           string
	version        pep440.Version
	requires       []*pep508.Requirement
	requiresPython string
	extras         []string
	err            error
}

func newStore(idx Index) *store {
	return &store{idx: idx, projects: map[string]listing{}, read: map[*File]*parsed{}, direct: map[string]*File{}, pythons: map[string]pythonFit{}}
}

func isNoProject(err error) bool { return errors.Is(err, ErrNoProject) }

func isUnusable(err error) bool {
	_, ok := errors.AsType[*UnusableError](err)
	return ok
}

func (s *store) files(ctx context.Context, project string) ([]*File, error) {
	l, ok := s.projects[project]
	if !ok {
		var files []File
		files, l.err = s.idx.Files(ctx, project)
		for i := range files {
			l.files = append(l.files, &files[i])
		}
		s.projects[project] = l
	}
	return l.files, l.err
}

// metadata reads what a file says of itself, once.
func (s *store) metadata(ctx context.Context, project string, f *File) (*parsed, error) {
	m := s.read[f]
	if m == nil {
		m = s.parse(ctx, project, f)
		s.stats.Metadata++
		s.read[f] = m
	}
	return m, m.err
}

func (s *store) parse(ctx context.Context, project string, f *File) *parsed {
	raw, err := s.idx.Metadata(ctx, project, f)
	if err != nil {
		return &parsed{err: err}
	}
	bad := func(reason string, err error) *parsed {
		return &parsed{err: &UnusableError{&MetadataError{File: f.Name, Reason: reason, Err: err}}}
	}
	m := &parsed{name: pep508.NormalizeName(raw.Name), requiresPython: raw.RequiresPython}
	if project != "" && raw.Name != "" && m.name != project {
		return bad("it is of "+raw.Name+", not of "+project, nil)
	}
	if raw.Version != "" {
		if m.version, err = pep440.Parse(raw.Version); err != nil {
			return bad("its version cannot be read", err)
		}
	}
	for _, e := range raw.ProvidesExtra {
		m.extras = append(m.extras, pep508.NormalizeName(e))
	}
	if m.requires, err = parseAll(raw.RequiresDist); err != nil {
		return bad("a dependency cannot be read", err)
	}
	return m
}

// parseAll reads dependencies as metadata has them: a long one may be folded.
func parseAll(texts []string) ([]*pep508.Requirement, error) {
	var all []*pep508.Requirement
	for _, text := range texts {
		r, err := pep508.Parse(unfold.Replace(text))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

var unfold = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// fileAt is the file at the URL of a requirement.
func (s *store) fileAt(raw string) *File {
	f := s.direct[raw]
	if f == nil {
		f = fileOf(raw)
		s.direct[raw] = f
	}
	return f
}
