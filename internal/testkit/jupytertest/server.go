package jupytertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// Options say how a server is started. The zero value runs JupyterLab as uid 1000, gid 100,
// with an empty home folder and a root file system that cannot be written to, which is
// about what a hub does.
type Options struct {
	Flags   []string // of "docker run", instead of those above
	Command []string // instead of "jupyter lab"; address, port and token are added
}

// HubFlags are the flags of "docker run" that the zero Options give.
func HubFlags() []string {
	return []string{
		"--network", "host", "--user", "1000:100", "--read-only",
		"--tmpfs", "/tmp:exec,mode=1777",
		"--tmpfs", "/home/jovyan:exec,uid=1000,gid=100,mode=0755",
	}
}

// A Server is the Jupyter server of a container.
type Server struct {
	*jupyter.Server
	Container *Container
}

// Start runs the Jupyter server of an image and waits until it answers. The caller
// calls Stop. A server that ends or does not answer before ctx ends gives an error
// with what it printed.
func Start(ctx context.Context, image string, o Options) (*Server, error) {
	port, err := jupyter.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	flags, command := o.Flags, o.Command
	if flags == nil {
		flags = HubFlags()
	}
	if command == nil {
		command = []string{"jupyter", "lab", "--no-browser"}
	}
	s := &Server{Server: jupyter.Connect("http://127.0.0.1:"+strconv.Itoa(port), rand.Text())}
	command = append(command[:len(command):len(command)],
		"--ServerApp.ip=127.0.0.1", "--ServerApp.port="+strconv.Itoa(port), "--ServerApp.port_retries=0",
		"--IdentityProvider.token="+s.Token)
	if s.Container, err = Run(ctx, image, flags, command...); err != nil {
		return nil, err
	}
	if err := s.Wait(ctx); err != nil {
		err = fmt.Errorf("wait for Jupyter of %s: %w\n%s", image, err, s.Container.Logs(context.WithoutCancel(ctx)))
		return nil, errors.Join(err, s.Container.Remove())
	}
	return s, nil
}

// Wait returns when the server answers, or ctx or the server's container ends.
func (s *Server) Wait(ctx context.Context) error {
	return s.Server.Wait(ctx, func() error {
		if up, err := s.Container.Running(ctx); err == nil && !up {
			return errors.New("the server ended")
		}
		return nil
	})
}

// Stop ends the server's container.
func (s *Server) Stop() error { return s.Container.Remove() }
