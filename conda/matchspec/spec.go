package matchspec

import (
	"fmt"

	"github.com/nasa-openscapes/corn/conda/version"
)

// A Spec is a parsed MatchSpec. The zero value wants anything. Treat it as read-only once
// parsed; then it is safe for concurrent use.
type Spec struct {
	Name    Pattern // in lower case
	Version version.Spec
	Build   Pattern

	// Channel is a name ("conda-forge", "pkgs/free") or a URL without credentials and final slash.
	Channel Pattern
	// Subdir may be several, parted by commas.
	Subdir      Pattern
	BuildNumber version.Spec // of the number as a version: ">=6"

	FileName      Pattern
	URL           string // of one archive; may hold credentials, which String hides. A relative path as written
	MD5, SHA256   Pattern
	License       Pattern
	LicenseFamily Pattern
	TrackFeatures []string // sorted; a record must have these and no others
	Features      []string // likewise

	Flags  []Pattern // a record must have a flag for each (CEP 45)
	Extras []string  // sorted names of groups of further dependencies (CEP 44)
	// When says on what condition the spec counts as a dependency; nil: always (CEP 43). Match does
	// not look at it.
	When *Condition

	// Optional marks a wish that may be dropped: "[optional]" of conda's own use.
	Optional bool
	// Warnings say what was ignored: "[complete] is no key=value and is ignored, as conda does".
	Warnings []string
}

// A ParseError reports text that is not a valid MatchSpec.
type ParseError struct {
	Input  string // the spec as the user wrote it
	Offset int    // byte offset into Input where parsing stopped
	Reason string // "a build needs a version before it"
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("package spec %q: %s at character %d", e.Input, e.Reason, e.Offset+1)
}

// Mark returns the spec and below it a caret that points at the place, for a terminal.
func (e *ParseError) Mark() string { return mark(e.Input, e.Offset) }

// ExactName returns the one name that s asks for; ok is false where it is a pattern or not
// given. A solver needs one.
func (s *Spec) ExactName() (name string, ok bool) { return s.Name.Exact() }

// OnlyNameVersionBuild tells whether MatchVersionBuild is all there is to Match.
func (s *Spec) OnlyNameVersionBuild() bool {
	return s.Channel.IsAny() && s.Subdir.IsAny() && s.BuildNumber.IsAny() && s.FileName.IsAny() && s.URL == "" &&
		s.MD5.IsAny() && s.SHA256.IsAny() && s.License.IsAny() && s.LicenseFamily.IsAny() &&
		s.TrackFeatures == nil && s.Features == nil && s.Flags == nil
}
