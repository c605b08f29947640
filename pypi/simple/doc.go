// Package simple asks package indexes of Python which files a project has, and what a
// wheel needs.
//
// Sources: the PyPA specifications "Simple repository API" (PEP 503, 592, 629, 658, 691, 700, 714),
// "Core metadata" and "Binary distribution format", as of 2026-06; pip 24.2 for --find-links.
//
// [Client.Project] lists the files of a project, [Client.Metadata] says what one needs, reading as
// little as there is to read: the metadata file beside the wheel, else the end of
// the wheel by ranges, else the wheel. Answers are kept in a cache and asked for again as the
// server says (ETag, Cache-Control).
//
// A project comes from one place: the first one that has its name, in the order find-links,
// extra indexes, index. Where a place cannot be asked nothing is taken from the next one. So nobody
// can put a newer version of a private project on a public index and have it chosen (dependency
// confusion). pip takes the best of all places; uv does as we do.
//
// Other departures from pip:
//   - An index over http that is not on this machine is refused unless it is a trusted host; pip
//     leaves it out with a warning. A trusted host may use http; its certificate is checked all
//     the same.
//   - Files whose names are no distribution's are left out, as pip does, and listed with the
//     reason in Project.LeftOut.
//   - Metadata that is of another project or version than the file's name says is an error.
//
// Out of scope: choosing (pypi/resolve), tags, signatures and attestations, PEP 708.
package simple
