// Package link turns a conda package into the paths it brings into an env's prefix.
//
// Linking is a pure function here: facts of an archive, a prefix and a Python give
// [store.Item] values with their final sizes. No env is made on disk and no archive is
// opened. [Rewrite] changes the prefix placeholder while a file streams by; [Record] and
// [History] write what conda and mamba read in conda-meta.
//
// Sources: CEP 34 (info/paths.json, info/link.json), CEP 17 (python_site_packages_path),
// CEP 20 (no Python below noarch), and micromamba 2.8.1 as the reference for everything
// they leave open: what it puts into a prefix is what comes out here, byte for byte.
//
// Departures, each with its reason in docs/design/link.md:
//
//   - CEP 34 says link scripts MUST be executed. Nothing is executed here;
//     Result.LinkScripts lists them for internal/exec.
//   - A prefix longer than the placeholder of a binary file is a *PrefixTooLongError;
//     micromamba lets the file grow, which destroys it.
//   - Directories of paths.json are made; micromamba refuses the package.
//   - A prefix with a space in a shebang gets the /usr/bin/env form, as conda does.
//   - Bytecode: what was stale or missing is to be compiled, for all packages and not
//     only noarch ones.
//   - noarch python without a Python is a *NoPythonError; micromamba spreads the files
//     over the prefix.
//
// Out of scope: Windows and its .exe launchers, menus, linking of wheels (pypi/wheel),
// which of two packages wins a path (store.Merge).
package link
