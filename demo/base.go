package main

import (
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/demo/recipe"
)

func baseCommand() *cobra.Command {
	var out, archive, cache, suite string
	var tiny, start, docker, refresh, onBuild bool
	cmd := &cobra.Command{
		Use:   "base [-o DIR] [--docker-archive FILE]",
		Short: "Write the base image: Debian's minbase with user jovyan",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cache == "" {
				var err error
				if cache, err = recipe.CacheDir(); err != nil {
					return err
				}
			}
			config := base.Config{Start: start, DockerSchema: docker, OnBuild: onBuild}
			var img v1.Image
			var err error
			if tiny {
				img, err = base.Tiny(base.TinyOptions{Config: config})
			} else {
				img, err = base.Debian(cmd.Context(), base.DebianOptions{
					Config: config, Suite: suite, Cache: filepath.Join(cache, "base"), Refresh: refresh, Log: cmd.ErrOrStderr(),
				})
			}
			if err != nil {
				return err
			}
			if out != "" {
				if err := base.WriteLayout(out, img); err != nil {
					return err
				}
			}
			if archive != "" {
				if err := base.WriteArchive(archive, "corn-demo/base:"+suite, img); err != nil {
					return err
				}
			}
			digest, err := img.Digest()
			if err != nil {
				return fmt.Errorf("digest of the base: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), digest)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder for an OCI layout")
	cmd.Flags().StringVar(&archive, "docker-archive", "", "file for a docker archive")
	cmd.Flags().StringVar(&cache, "cache", "", "folder for the root file system (default the user's cache folder)")
	cmd.Flags().StringVar(&suite, "suite", "trixie", "Debian release")
	cmd.Flags().BoolVar(&tiny, "tiny", false, "a few files in place of Debian: no download, and nothing runs")
	cmd.Flags().BoolVar(&start, "start", false, "add the file that the entrypoint names, which is missing otherwise")
	cmd.Flags().BoolVar(&onBuild, "onbuild", false, "an equal of pangeo/base-image: its triggers, its tools, and a /srv that is the user's")
	cmd.Flags().BoolVar(&docker, "docker-schema", false, "Docker's media types in place of OCI's")
	cmd.Flags().BoolVar(&refresh, "refresh", false, "make the root file system anew, with today's packages")
	cmd.MarkFlagsOneRequired("output", "docker-archive")
	return cmd
}
