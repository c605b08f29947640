package lock

// Topological returns the packages so that each conda package comes after those it depends
// on, and wheels after all conda packages. Where that leaves a choice, the given order
// counts. Of a circle, the package that comes first in the given order comes last, except
// that python comes before pip, which some channels make it depend on.
func Topological(packages []Package) []Package {
	index := make(map[string]int, len(packages))
	for i, p := range packages {
		if p.Manager == Conda {
			index[p.Name] = i
		}
	}
	out := make([]Package, 0, len(packages))
	state := make([]uint8, len(packages)) // 0 new, 1 begun, 2 done

	// An explicit stack: a chain of dependencies may be as long as the lock.
	type frame struct{ pkg, next int }
	for root := range packages {
		if packages[root].Manager != Conda || state[root] != 0 {
			continue
		}
		state[root] = 1
		stack := []frame{{root, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			p := packages[top.pkg]
			if top.next == len(p.Depends) {
				state[top.pkg] = 2
				out = append(out, p)
				stack = stack[:len(stack)-1]
				continue
			}
			name := p.Depends[top.next].Name
			top.next++
			if p.Name == "python" && name == "pip" {
				continue
			}
			if i, ok := index[name]; ok && state[i] == 0 {
				state[i] = 1
				stack = append(stack, frame{i, 0})
			}
		}
	}
	for _, p := range packages {
		if p.Manager == Pip {
			out = append(out, p)
		}
	}
	return out
}
