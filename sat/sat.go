package sat

// Var is a variable. Zero is none.
type Var int32

// Lit is a variable or its negation. Zero is none.
type Lit uint32

// Pos is the literal that holds where v is true.
func Pos(v Var) Lit { return Lit(v) << 1 }

// Not is the literal that holds where v is false.
func Not(v Var) Lit { return Lit(v)<<1 | 1 }

// Var returns the literal's variable.
func (l Lit) Var() Var { return Var(l >> 1) }

// Negative tells whether l holds where its variable is false.
func (l Lit) Negative() bool { return l&1 == 1 }

// Flip returns the negation of l.
func (l Lit) Flip() Lit { return l ^ 1 }

// Tag names a clause to its author; a Core speaks in tags. Clauses may share one.
type Tag int32

// Group is a set of variables of which at most one is true. Zero is none.
type Group int32

// Value is what is known of a literal.
type Value int8

// The values of a literal.
const (
	False   Value = -1
	Unknown Value = 0
	True    Value = 1
)

// A reason says why a literal is true: the clause whose other literals are all false, or one true literal
// that implies it: by Imply, or as another member of its group. The zero reason is a decision's.
type reason struct {
	clause int32 // index into clauses; 0 is none
	lit    Lit
}

// clause has its literals in Solver.lits: there are hundreds of thousands, and without a pointer in them the
// garbage collector has nothing to look at.
type clause struct {
	start, end int32 // of lits; the first two are watched
	tag        Tag
	from       int32 // index into proofs of a learned clause; 0 for the caller's
}

// antecedent is one step of a resolution: a clause, a group, an implication, or a variable of level 0.
type antecedent struct {
	clause int32
	group  Group
	level0 Var
	pair   Pair
}

// watch is an entry in the list of a literal: the clause to look at when it becomes false.
type watch struct {
	clause  int32
	blocker Lit // another literal of the clause: where it is true there is nothing to do
	binary  bool
}

// Solver holds a formula and the state of its search. Use New.
type Solver struct {
	clauses []clause // [0] is unused
	lits    []Lit
	scratch []Lit
	// proofs say what a learned clause was resolved from: reasons, and literals of level 0 by
	// their variable. [0] is unused.
	proofs  [][]antecedent
	watches [][]watch
	implied [][]Lit // by literal: what Imply says follows from it
	groups  [][]Var // [0] is unused
	groupOf []Group

	values   []Value // by literal
	level    []int32 // by variable
	reasons  []reason
	trail    []Lit
	levels   []int // length of trail before each decision
	assumed  []Lit // what the last search assumed, one to a level as far as levels go
	head     int   // what of trail is propagated
	observed []bool
	seenTrue []Var // observed variables that are true, in order

	conflict []Lit           // a clause that is false and not yet analysed
	because  reason          // the clause or group of conflict
	core     *Core           // of a formula that is refuted for good
	keep     func(Pair) bool // of the last search's limits

	marks     []bool // scratch of learn, all false outside
	backjumps int
	lowWater  int
	stats     Stats
}

// Stats count what a Solver has done in its life.
type Stats struct {
	Decisions int
	Conflicts int
	Clauses   int // the caller's, implications included
	Learned   int
}

// New returns a solver of the empty formula.
func New() *Solver {
	s := &Solver{clauses: make([]clause, 1), proofs: make([][]antecedent, 1), groups: make([][]Var, 1)}
	s.NewVar() // variable 0 is none
	return s
}

// NewVar returns a variable of no group, of which nothing is known.
func (s *Solver) NewVar() Var {
	v := Var(len(s.level))
	s.level = append(s.level, 0)
	s.reasons = append(s.reasons, reason{})
	s.groupOf = append(s.groupOf, 0)
	s.observed = append(s.observed, false)
	s.marks = append(s.marks, false)
	s.values = append(s.values, Unknown, Unknown)
	s.watches = append(s.watches, nil, nil)
	s.implied = append(s.implied, nil, nil)
	return v
}

// NewGroup returns an empty group.
func (s *Solver) NewGroup() Group {
	s.groups = append(s.groups, nil)
	return Group(len(s.groups) - 1)
}

// Join puts vars into g. A variable is in one group at most.
func (s *Solver) Join(g Group, vars ...Var) {
	for _, v := range vars {
		if s.groupOf[v] != 0 {
			panic("sat: a variable joins a second group")
		}
		s.groupOf[v] = g
	}
	s.groups[g] = append(s.groups[g], vars...)
	s.spread(s.groups[g])
}

// Observe asks that v is listed by Observed while it is true.
func (s *Solver) Observe(v Var) {
	if s.observed[v] {
		return
	}
	s.observed[v] = true
	if s.values[Pos(v)] == True {
		s.seenTrue = append(s.seenTrue, v)
	}
}

// Observed returns the observed variables that are true, in the order in which they became
// so. The slice is the solver's own, valid until the next call.
func (s *Solver) Observed() []Var { return s.seenTrue }

// Kept returns how many variables at the front of Observed have stood there unchanged since the
// last call of Kept: a Guide that walks the list need not start again before there.
func (s *Solver) Kept() int {
	n := min(s.lowWater, len(s.seenTrue))
	s.lowWater = len(s.seenTrue)
	return n
}

// Jumps counts how often decisions were undone: as long as it stays, what was known is known.
func (s *Solver) Jumps() int { return s.backjumps }

// Value returns what is known of l now.
func (s *Solver) Value(l Lit) Value { return s.values[l] }

// Stats returns the counts so far.
func (s *Solver) Stats() Stats { return s.stats }

// Fixed tells whether l is true for good, whatever is decided.
func (s *Solver) Fixed(l Lit) bool { return s.values[l] == True && s.level[l.Var()] == 0 }
