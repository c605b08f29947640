package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func cmdJSON(ts *testscript.TestScript, args []string) error {
	file := filepath.Join(ts.Getenv("ROOT"), "docs", "formats", args[0])
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(args[0], doc); err != nil {
		return err
	}
	schema, err := c.Compile(args[0])
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[1])))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
