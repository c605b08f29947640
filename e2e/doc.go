// Package e2e holds tests that run corn's images: in a real Docker, through their own
// Jupyter, and in a real browser.
//
// They run with CORN_E2E=1 alone, and need what "demo/setup.sh tests" installs. Two images are
// built, from the demo channel and base: that of examples/hackweek, and that of
// testdata/links, whose environments hold the packages that are difficult on purpose.
//
// Where things are kept: $CORN_DEMO_DIR, else .demo at the top of the repository, the
// folder of "make demo"; so a second run starts from what the first one made.
//
//	CORN_MICROMAMBA=FILE   micromamba to try on an environment of the image
//	UPDATE_SCREENSHOTS=1   write docs/images/*.png
package e2e
