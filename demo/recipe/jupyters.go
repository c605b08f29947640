package recipe

// jupyters are the packages that the notebook environment is there for.
func jupyters() []Recipe {
	return []Recipe{
		timezones(),
		{
			ID: "trixie/jupyterlab", Name: "jupyterlab", Suite: trixie, Kind: pure, Debs: []string{"jupyterlab"},
			// The application is in share/jupyter/lab; the module's links to it
			// serve its authors, and a noarch package cannot hold them.
			Drop: []string{
				"usr/lib/python3/dist-packages/jupyterlab/schemas", "usr/lib/python3/dist-packages/jupyterlab/static",
				"usr/lib/python3/dist-packages/jupyterlab/themes",
			},
			Forget: []string{"jupyter-lsp"},
		},
		{
			// A single-user server needs no proxy, no PAM and no certificates of
			// its own; the pages of the hub stay out too.
			ID: "trixie/jupyterhub-singleuser", Name: "jupyterhub-singleuser", Suite: trixie, Kind: pure,
			Debs:    []string{"jupyterhub"},
			Depends: []string{"jupyter_server >=2"},
			Forget:  []string{"certipy", "pamela"},
			Drop:    []string{"usr/share/jupyterhub/static/components/**", "usr/share/jupyterhub/jupyterhub_config.py"},
		},
	}
}

// timezones are the zone files; Python and pytz look for them below the prefix.
func timezones() Recipe {
	return Recipe{
		ID: "trixie/tzdata", Name: "tzdata", Suite: trixie, Kind: generic, Debs: []string{"tzdata"},
		Drop: []string{"usr/share/zoneinfo/localtime", "etc/**"},
	}
}
