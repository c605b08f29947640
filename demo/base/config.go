package base

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The user of the image, and where conda environments go.
const (
	User      = "jovyan"
	UID       = 1000
	GID       = 1000
	Home      = "/home/" + User
	CondaDir  = "/srv/conda"
	Notebook  = CondaDir + "/envs/notebook"
	startFile = "/srv/start"
)

// epoch is the clock of everything made here: Debian 13's release day.
const epoch = 1754697600

// Config says what both kinds of base image may have besides the usual.
type Config struct {
	// Start adds the file that the entrypoint names.
	Start bool
	// OnBuild makes the base that teams build on with docker build, as pangeo/base-image: its
	// triggers do all that pangeo's do, /srv is the user's, shells activate the notebook
	// environment, and there are tools to fetch and unpack.
	OnBuild bool
	// DockerSchema gives the manifest and layers Docker's media types instead of OCI's.
	DockerSchema bool
	// Change, when set, changes the config of the image before it is made.
	Change func(*v1.Config)
}

// environment is ENV as pangeo/base-image sets it.
func environment() []string {
	return []string{
		"PATH=" + Notebook + "/bin:" + CondaDir + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"CONDA_ENV=notebook",
		"DEBIAN_FRONTEND=noninteractive",
		"NB_USER=" + User,
		"NB_UID=1000",
		"SHELL=/bin/bash",
		"LANG=C.UTF-8",
		"LC_ALL=C.UTF-8",
		"CONDA_DIR=" + CondaDir,
		"NB_PYTHON_PREFIX=" + Notebook,
		"HOME=" + Home,
		"DASK_ROOT_CONFIG=" + CondaDir + "/etc",
	}
}

// onBuild does what pangeo's triggers do, in their order: take the project
// over, then install what its files ask for.
func onBuild() []string {
	return []string{
		"USER root",
		"COPY --chown=1000:1000 . " + Home,
		`RUN if [ -d binder ]; then cd binder; elif [ -d .binder ]; then cd .binder; fi; test "$PWD" != /`,
		"RUN if [ -f apt.txt ]; then apt-get update && xargs -a apt.txt apt-get install -y; fi",
		"RUN if [ -f jupyter_notebook_config.py ]; then cp jupyter_notebook_config.py /etc; fi",
		"USER " + User,
		"RUN if [ -f conda-lock.yml ]; then conda-lock install --name ${CONDA_ENV}; elif [ -f environment.yml ]; then conda env create; else conda create --name ${CONDA_ENV} pangeo-notebook; fi",
		"RUN if [ -f requirements.txt ]; then pip install -r requirements.txt; fi",
		"RUN if [ -f postBuild ]; then chmod +x postBuild && ./postBuild; fi",
		"RUN if [ -f start ]; then chmod +x start && cp start " + startFile + "; fi",
	}
}

func (c Config) configFile() *v1.ConfigFile {
	cfg := v1.Config{
		User:         User,
		Env:          environment(),
		WorkingDir:   Home,
		Entrypoint:   []string{startFile},
		OnBuild:      onBuild(),
		ExposedPorts: map[string]struct{}{"8888/tcp": {}},
	}
	if c.OnBuild {
		cfg.OnBuild = triggers()
		cfg.Env = append(cfg.Env, "TZ=UTC")
	}
	if c.Change != nil {
		c.Change(&cfg)
	}
	return &v1.ConfigFile{
		Architecture: "amd64",
		OS:           "linux",
		Created:      v1.Time{Time: time.Unix(epoch, 0).UTC()},
		Config:       cfg,
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
}

const startScript = "#!/bin/sh\nexec \"$@\"\n"
