package record

// A Group is some records of one name: those of one place and version with equally many track_features. It says what they
// have in common without making them, for an index can have thousands of records of which a solver looks at a few.
type Group struct {
	Channel  string
	Version  string
	Features int // how many track_features each has
	Len      int
	// Records makes the records when it is first called, and returns the same ones each time. It is safe
	// for concurrent use; treat what it returns as read-only.
	Records func() []*Record
}
