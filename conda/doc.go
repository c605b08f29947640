// Package conda is the map of the packages that know conda's formats; it holds no code.
//
// Reading order, from text to files:
//
//   - conda/record: names of packages, subdirs, channels and archives; the record of one
//     archive, as repodata, locks and solvers hand it on.
//   - conda/version: version literals, their order, and specs such as ">=1.2,<2".
//   - conda/matchspec: conda's language for asking for packages.
//   - conda/environment: environment.yml, with the place of every request.
//   - conda/virtual: __glibc, __cuda and the like, of the place that an env runs on.
//   - conda/archive: a .conda or .tar.bz2 archive as one stream of files, and its facts.
//   - conda/link: an archive's files as the paths of one prefix: placeholders, noarch
//     python, entry points, conda-meta.
//
// Their imports go one way: archive, link, matchspec and virtual may import record, environment
// imports matchspec, record imports digest and nothing else of this module, version nothing. None
// of them reads the network, the clock, the environment or a configuration file.
package conda
