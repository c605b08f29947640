package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

func serveCommand() *cobra.Command {
	var addr string
	var redirect bool
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve DIR over HTTP as a CDN serves a channel",
		Long: `Serve DIR over HTTP as a CDN serves a channel: strong ETags, 304, ranges, and with
--redirect archives from another path. The address is printed; corn takes it as --channel-alias.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			url, wait, err := serve(cmd.Context(), args[0], addr, redirect)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), url)
			return wait()
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	cmd.Flags().BoolVar(&redirect, "redirect", true, "answer requests for archives with a redirect")
	return cmd
}

// serve serves dir until ctx ends; wait returns when it has stopped.
func serve(ctx context.Context, dir, addr string, redirect bool) (url string, wait func() error, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("serve %s: %w", dir, err)
	}
	srv := &http.Server{
		Handler:           channeltest.NewHandler(dir, channeltest.Options{Redirect: redirect}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	done := make(chan error, 1)
	go func() {
		done <- srv.Serve(l)
	}()
	wait = func() error {
		select {
		case err := <-done:
			return fmt.Errorf("serve %s: %w", dir, err)
		case <-ctx.Done():
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := srv.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("stop serving: %w", err)
		}
		return nil
	}
	return "http://" + l.Addr().String(), wait, nil
}
