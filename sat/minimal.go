package sat

import "slices"

// Minimal returns some of the assumptions that cannot all hold although any one of them can be left out;
// nil if they can all hold. It keeps their order. The caller owns what it gets.
//
// search looks for an assignment under assumptions, and returns the core if there is none. Where it ends with an error
// that gaveUp accepts, nothing is known: what it was to leave out stays, so that the answer can be larger
// than need be and is not wrong. Of the first search that means all of the assumptions. Any other error ends Minimal.
func Minimal(assumed []Lit, search func(assumed []Lit) (*Core, error), gaveUp func(error) bool) ([]Lit, error) {
	try := func(set []Lit) ([]Lit, error) {
		core, err := search(set)
		if err != nil || core == nil {
			return nil, err
		}
		small := []Lit{} // empty where the formula fails by itself, and never nil
		for _, l := range set {
			if slices.Contains(core.Assume, l) {
				small = append(small, l)
			}
		}
		return small, nil
	}
	set, err := try(assumed)
	if err != nil && gaveUp(err) {
		return append([]Lit{}, assumed...), nil // known to fail, but not why: everything takes part
	}
	if err != nil || set == nil {
		return nil, err
	}
	for at := 0; at < len(set); {
		smaller, err := try(slices.Delete(slices.Clone(set), at, at+1))
		switch {
		case err != nil && gaveUp(err) || err == nil && smaller == nil:
			at++ // this one is needed, as far as we know
		case err != nil:
			return nil, err
		default:
			set = smaller // what stands before at was needed with more around it, so it is still there
		}
	}
	return set, nil
}
