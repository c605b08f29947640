package main

import (
	_ "embed"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

//go:embed show_kernels.py
var showKernels string

// imageName is the tag of the image that run loads into Docker.
const imageName = "corn-demo/hackweek:demo"

func runCommand() *cobra.Command {
	var s stage
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Build the example with corn and run every kernel of the image",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s.log = cmd.ErrOrStderr()
			if err := s.prepare(ctx); err != nil {
				return err
			}
			url, _, err := serve(ctx, s.path("channel"), "127.0.0.1:0", true)
			if err != nil {
				return err
			}
			s.say("the image")
			archive := s.path("hackweek.tar")
			took, err := s.build(ctx, url, nil, "-t", imageName, "-o", "docker-archive:"+archive, "--cache-dir", s.path("corn-cache"))
			if err != nil {
				return err
			}
			s.say(fmt.Sprintf("built in %v; into Docker with it", took.Round(100*time.Millisecond)))
			if out, err := exec.CommandContext(ctx, "docker", "load", "-i", archive).CombinedOutput(); err != nil {
				return fmt.Errorf("docker load: %w: %s", err, strings.TrimSpace(string(out)))
			}
			// As a hub runs it: the image's own user and entrypoint, an empty volume over the home folder.
			show := exec.CommandContext(ctx, "docker", "run", "--rm", "-i", "--init", "--network", "none",
				"--tmpfs", "/home/jovyan:uid=1000,gid=1000,mode=0755", imageName, "python3", "-")
			show.Stdin = strings.NewReader(showKernels)
			show.Stdout, show.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := show.Run(); err != nil {
				return fmt.Errorf("run the kernels: %w", err)
			}
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}
