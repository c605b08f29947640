// Package record holds what names a conda archive and what is known of it before it is
// opened: file names, URLs, subdirs, and the Record that repodata, locks and solvers share.
//
// Sources: CEP 26 (names of packages, channels, subdirs and archives), CEP 34 and 36 (fields of
// records), CEP 23 (hashes in the fragments of explicit URLs), and conda's practice for
// credentials in URLs: user info and "/t/<token>/".
//
// Departures: upper-case letters in package names are accepted, because archives of before
// 2015 carry them; CEP 26 forbids them for new ones.
//
// Out of scope: comparing versions (conda/version), MatchSpecs, and reading repodata.
package record
