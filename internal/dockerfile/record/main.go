// Command record writes down how BuildKit reads the Dockerfiles of testdata/parse.txtar. It is a
// module of its own, for nothing of corn needs BuildKit:
//
//	cd internal/dockerfile/record && go run . ../testdata/parse.txtar > ../testdata/buildkit.golden
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"golang.org/x/tools/txtar"
)

func main() {
	ar, err := txtar.ParseFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range ar.Files {
		fmt.Printf("-- %s --\n", f.Name)
		r, err := parser.Parse(bytes.NewReader(f.Data))
		if err != nil {
			fmt.Println("refused")
			continue
		}
		for _, n := range r.AST.Children {
			show(n, "", n.StartLine, n.EndLine)
		}
	}
}

func show(n *parser.Node, onbuild string, start, end int) {
	keyword := strings.ToUpper(n.Value)
	if keyword == "ONBUILD" {
		child := n.Next.Children[0]
		child.Heredocs = n.Heredocs
		show(child, "ONBUILD ", start, end)
		return
	}
	values := []string{}
	for v := n.Next; v != nil; v = v.Next {
		values = append(values, v.Value)
		if keyword == "ENV" || keyword == "LABEL" {
			v = v.Next
			values[len(values)-1] += "=" + v.Value
			v = v.Next // the separator
		}
	}
	flags := append([]string{}, n.Flags...)
	fmt.Printf("%d-%d %s%s flags=%s json=%t values=%s\n", start, end, onbuild, keyword, text(flags), n.Attributes["json"], text(values))
	for _, h := range n.Heredocs {
		fmt.Printf("  <<%s quoted=%t chomp=%t %s\n", h.Name, !h.Expand, h.Chomp, text([]string{h.Content}))
	}
}

func text(v []string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return strings.TrimSpace(b.String())
}
