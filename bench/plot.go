package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// plotSolves draws solve time against packages and against records, as SVG.
func plotSolves(file string, r *solveResults) error {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="820" height="330" font-family="sans-serif" font-size="12">` + "\n" + `<rect width="820" height="330" fill="white"/>` + "\n")
	var packages, records []point
	for _, f := range r.Envs {
		packages = append(packages, point{float64(f.Packages), f.OneCoreCPU.Seconds()})
	}
	for _, g := range r.Growth {
		records = append(records, point{float64(g.Records), g.Warm.CPU.Seconds()})
	}
	panel(&b, 60, "packages of the answer", packages, false)
	panel(&b, 470, "records of the index ("+r.Grown+")", records, true)
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

type point struct{ x, y float64 }

// panel draws points in a frame at left, joined by a line if asked.
func panel(b *strings.Builder, left float64, label string, points []point, line bool) {
	const top, width, height, ticks = 30.0, 320.0, 230.0, 4
	if len(points) == 0 {
		return
	}
	slices.SortFunc(points, func(p, q point) int { return cmp.Compare(p.x, q.x) })
	maxX := points[len(points)-1].x
	maxY := slices.MaxFunc(points, func(p, q point) int { return cmp.Compare(p.y, q.y) }).y * 1.1
	x := func(v float64) float64 { return left + v/maxX*width }
	y := func(v float64) float64 { return top + height - v/maxY*height }
	fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" fill="none" stroke="black"/>`+"\n", left, top, width, height)
	for i := range ticks + 1 {
		vx, vy := maxX*float64(i)/ticks, maxY*float64(i)/ticks
		fmt.Fprintf(b, `<text x="%.1f" y="%g" text-anchor="middle">%.0f</text><text x="%g" y="%.1f" text-anchor="end">%.2f</text>`+"\n", x(vx), top+height+18, vx, left-6, y(vy)+4, vy)
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">%s</text><text x="%g" y="%g">processor seconds, corn solve, warm</text>`+"\n", left+width/2, top+height+40, label, left, top-8)
	var path []string
	for _, p := range points {
		path = append(path, fmt.Sprintf("%.1f,%.1f", x(p.x), y(p.y)))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="steelblue"/>`+"\n", x(p.x), y(p.y))
	}
	if line {
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="steelblue"/>`+"\n", strings.Join(path, " "))
	}
}
