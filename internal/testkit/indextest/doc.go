// Package indextest makes package indexes of Python for tests: real wheels and sdists, and a
// server that lists them as PyPI does.
//
// A world is a txtar archive. A file whose name ends in .whl, .tar.gz or .zip starts a distribution;
// its text is "key: value" lines:
//
//	-- tool-1.2-py3-none-any.whl --
//	requires: click>=8
//	requires: rich; extra == "pretty"
//	extra: pretty
//	console: tool=tool:main
//	-- tool-1.2-py3-none-any.whl/tool/__init__.py mode=0755 --
//	def main(): print("hello")
//
// Keys: requires, extra, console and gui (each may repeat), requires-python; what the index says
// of the file: yanked (a reason, may be empty), upload-time, size (a lie), page-requires-python,
// sha256 (a lie, or "none"), metadata ("none", "nohash", or a lie: the text of the file that is
// served); what the wheel says of itself: name, version, record ("lie"), purelib ("false").
//
// The files of the distribution follow, named by its file name. "@info" stands for
// name-version.dist-info, "@data" for name-version.data.
//
// Bytes depend on the world alone.
package indextest
