package synthetic

import "github.com/nasa-openscapes/corn/internal/testkit/channeltest"

// activation packages change the environment of whoever activates theirs.
func activation() []channeltest.Package {
	return []channeltest.Package{
		{
			Name: "activate-sh", Version: "1.0", Build: "0", Noarch: "generic",
			Summary: "an activation script in plain sh",
			Files: []channeltest.File{
				text("etc/conda/activate.d/activate-sh.sh", `# Keeps what was set before, as activation scripts do.
if [ -n "${ACTIVATE_SH_HOME:-}" ]; then
    export _ACTIVATE_SH_OLD="$ACTIVATE_SH_HOME"
fi
export ACTIVATE_SH_HOME="$CONDA_PREFIX/share/activate-sh"
`),
				text("etc/conda/deactivate.d/activate-sh.sh", "unset ACTIVATE_SH_HOME _ACTIVATE_SH_OLD\n"),
				text("share/activate-sh/data.txt", "data\n"),
			},
		},
		{
			Name: "activate-bash", Version: "1.0", Build: "0", Noarch: "generic",
			Summary: "an activation script that only bash understands",
			Files: []channeltest.File{
				text("etc/conda/activate.d/activate-bash.sh", `declare -a parts=("${CONDA_PREFIX}/share/activate-bash/one" "${CONDA_PREFIX}/share/activate-bash/two words")
joined=""
for part in "${parts[@]}"; do
    if [[ -d "$part" && "$part" == *activate-bash* ]]; then
        joined+="${joined:+:}${part}"
    fi
done
export ACTIVATE_BASH_PATH="$joined" ACTIVATE_BASH_COUNT="${#parts[@]}"
unset parts part joined
`),
				text("share/activate-bash/one/file", "1\n"),
				text("share/activate-bash/two words/file", "2\n"),
			},
		},
		{
			Name: "envvars", Version: "1.0", Build: "h1_0",
			Summary: "variables in etc/conda/env_vars.d",
			Files: []channeltest.File{
				text("etc/conda/env_vars.d/envvars.json",
					`{"ENVVARS_PLAIN": "value", "ENVVARS_QUOTES": "it's \"quoted\" $HOME", "ENVVARS_PREFIX": "@PREFIX@/share"}`+"\n"),
			},
		},
		{
			Name: "postlink", Version: "1.0", Build: "h1_0",
			Summary: "link scripts that leave a trace",
			Files: []channeltest.File{
				script("bin/.postlink-post-link.sh", `#!/bin/sh
echo "$PKG_NAME $PKG_VERSION in $PREFIX" > "$PREFIX/share/postlink/linked.txt"
echo "postlink was linked" >> "$PREFIX/.messages.txt"
`),
				script("bin/.postlink-pre-unlink.sh", "#!/bin/sh\nrm -f \"$PREFIX/share/postlink/linked.txt\"\n"),
				text("share/postlink/data.txt", "data\n"),
			},
		},
	}
}
