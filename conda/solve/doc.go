// Package solve chooses records that satisfy a request, or explains why none do.
//
//	sol, err := solve.Solve(ctx, index, solve.Request{Specs: specs, Virtual: virtual, Channels: channels})
//	if u, ok := errors.AsType[*solve.Unsolvable](err); ok { ... }
//
// It is a pure function: no network, no clock, no files. Which record is preferred, what the
// search does and where the answers differ from conda's, mamba's and rattler's is in
// docs/design/solve.md. The search itself is package sat's, which knows no package words.
//
// Out of scope: reading repodata (conda/repodata), and the installed state of an environment;
// conda's rules for updating one in place do not exist here, Request.Locked takes their place.
package solve
