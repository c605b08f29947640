// Package requirements reads requirements.txt as pip does, and the pip: list of an
// environment.yml, whose items are lines of such a file.
//
// Sources: pip's documentation "Requirements File Format" as of pip 26; where it is silent, what
// pip 24.2 does. PEP 508 for requirements, PEP 440 for versions.
//
// Departures:
//   - Files are read through an [io/fs.FS], the project's folder: -r and -c of what lies outside of
//     it, and of URLs, are refused. So what is installed follows from the project.
//   - Paths of requirements and of --find-links are relative to the file that they stand in; pip takes
//     those of requirements from the working directory.
//   - -e is refused: an image holds what is installed, and a link to a folder would lead nowhere.
//   - Options that are not known, and those that would change how something is built, are errors.
//   - Only UTF-8, and UTF-16 with a byte order mark (what PowerShell writes), are read.
//
// ${NAME} is replaced as pip does it. Text keeps what is written, so that hashes and messages do
// not depend on the machine and show no secrets.
//
// Out of scope: asking anybody anything, existence of paths, choosing.
package requirements
