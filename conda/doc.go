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
//   - conda/repodata: the indexes of channels, as one file that is opened lazily.
//   - conda/channel: channels over HTTP and in folders; what a solver asks for records.
//   - conda/solve: requests and records to the records chosen, or why there are none.
//   - conda/archive: a .conda or .tar.bz2 archive as one stream of files, and its facts.
//   - conda/link: an archive's files as the paths of one prefix: placeholders, noarch
//     python, entry points, conda-meta.
//
// Their imports go one way: record imports digest and nothing else of this module, version
// nothing; the others import these two and formats that stand above them in the list; channel,
// solve, archive and link do not import one another. But for channel, none of them reads the
// network, the clock, the environment or a configuration file.
package conda
