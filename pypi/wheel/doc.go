// Package wheel reads wheels and says which files one brings into an environment.
//
// Sources: the PyPA specifications "Binary distribution format" (PEP 427, 491), "Recording
// installed projects" (PEP 376, 627), "Direct URL" (PEP 610) and "Entry points", as of
// 2026-06; what they leave open follows pip 24.2 (texts and modes of scripts, the rows of
// RECORD and their order). TestPip compares with recorded and, where there is one, live pip.
//
// [Open] checks the archive's directory, [Wheel.Facts] reads it once, [Items] is a pure
// function of those facts and an [Env]; nothing is unpacked.
//
// Departures from pip 24.2:
//
//   - Every file is checked against RECORD, as PEP 427 asks; a file that RECORD does not
//     list, or lists with another hash, is a *RecordError. pip looks at neither.
//   - Two members that end at one path are a *ClashError; in pip the last one wins.
//   - RECORD comes out with sha256 for every file, also where the wheel's own RECORD used
//     sha384 or sha512 or gave no hash, and without rows for files the wheel does not hold.
//   - RECORD lists the bytecode of every .py file. A file that the environment's Python
//     cannot compile has a row and no bytecode; pip leaves the row out. Uninstallers pass
//     over files that are missing.
//   - direct_url.json and REQUESTED are written only when asked for.
//
// INSTALLER says "pip" (see [Options]): mamba's list shows Python packages only when it
// says pip or uv, and with it the environment equals the one that conda-lock or
// micromamba make of the same lock.
//
// Out of scope: indexes, which tags a target can use (package tags), dependencies, the insides of sdists, signatures.
package wheel
