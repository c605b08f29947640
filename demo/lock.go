package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/demo/locks"
)

func lockCommand() *cobra.Command {
	var channel string
	var explicit []string
	var check bool
	cmd := &cobra.Command{
		Use:   "lock PROJECT --channel DIR",
		Short: "Lock every environment.yml of a project against the demo channel",
		Long: `Lock every environment.yml of a project against the demo channel. A folder that has a
` + locks.ExplicitFile + ` gets a new one; the others get ` + locks.CondaLockFile + `.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if inner := filepath.Join(channel, locks.ChannelName); isDir(inner) {
				channel = inner
			}
			files, err := locks.Project(args[0], channel, explicit)
			if err != nil {
				return err
			}
			stale := false
			for _, f := range files {
				state := "unchanged"
				if f.Changed {
					state, stale = "written", true
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d packages, %s\n", f.File, f.Packages, state)
			}
			if check && stale {
				return fmt.Errorf("locks of %s were not what the channel gives", args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&channel, "channel", "", "folder of the channel, or the one it is in")
	cmd.Flags().StringSliceVar(&explicit, "explicit", nil, "environment folders that get "+locks.ExplicitFile)
	cmd.Flags().BoolVar(&check, "check", false, "fail if a lock changed")
	_ = cmd.MarkFlagRequired("channel") // fails only for an unknown flag
	return cmd
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}
