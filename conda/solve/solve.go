package solve

import (
	"context"
	"errors"
)

// Solve chooses records of idx that satisfy req. It fails with an *Unsolvable where none do, a
// *SpecError, a *LimitError, or ctx's error.
func Solve(ctx context.Context, idx Index, req Request) (*Solution, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, errors.New("solve: the search is not written yet")
}
