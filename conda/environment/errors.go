package environment

import "github.com/nasa-openscapes/corn/yamltree"

// A ParseError reports what is wrong in a file, and where. Of a MatchSpec that cannot be read Err is
// the *matchspec.ParseError.
type ParseError = yamltree.ParseError
