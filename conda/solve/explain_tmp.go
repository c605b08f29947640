package solve

import (
	"context"

	"github.com/nasa-openscapes/corn/sat"
)

func explain(ctx context.Context, idx Index, req *Request, p *problem, core *sat.Core) error {
	return &Unsolvable{}
}
