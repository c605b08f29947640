package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const profileLong = `Print the AppArmor profile that lets corn use user namespaces.

Ubuntu 23.10 and newer keep programs without a profile from them, and with that from sandboxes
without root. The profile is for the program at --path (default: this corn) and restricts nothing.`

func newProfile(g *globals) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "sandbox-profile",
		Short:   "print the AppArmor profile that sandboxes need on Ubuntu",
		Long:    profileLong + "\n\n" + report.ExitCodes,
		Example: "  corn sandbox-profile | sudo apparmor_parser -r\n  corn sandbox-profile --path /usr/local/bin/corn | sudo tee /etc/apparmor.d/corn",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				var err error
				if path, err = os.Executable(); err != nil {
					return err
				}
				if real, err := filepath.EvalSymlinks(path); err == nil {
					path = real // the kernel looks at where links lead
				}
			}
			if !filepath.IsAbs(path) {
				return usage(cmd, fmt.Errorf("--path %s: want an absolute path", path))
			}
			res := pipeline.SandboxProfile(path)
			return g.printer().Result(res, func(w io.Writer) error {
				_, err := io.WriteString(w, res.Profile)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&path, "path", "", "where corn is, or will be (default: this program)")
	return cmd
}
