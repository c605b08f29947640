package base

import "strings"

// enter begins a trigger in the folder that repo2docker would take.
const enter = "[ -d binder ] && cd binder ; [ -d .binder ] && cd .binder ; "

// cruft is removed after programs have run: what of pip, npm and JupyterLab nobody needs.
const cruft = "rm -rf /tmp/* ${HOME}/.cache ${HOME}/.npm ${HOME}/.yarn ${NB_PYTHON_PREFIX}/share/jupyter/lab/staging"

// triggers are the contract that projects on pangeo's base image rely on: which files count,
// in which order, as which user, and where they go. The commands are our own. Those that
// solve need mamba and conda-lock, which this base does not have: corn does what they ask for.
func triggers() []string {
	run := func(file string, commands ...string) string {
		return "RUN " + enter + "if [ -f " + file + " ]; then " + strings.Join(commands, " && ") + " ; fi"
	}
	return []string{
		"USER root",
		"COPY --chown=" + User + ":" + User + " . " + Home,
		"RUN for d in binder .binder; do if [ -d $d ]; then echo \"files are taken from $d\"; fi; done",
		run("apt.txt", "apt-get update", "xargs -a apt.txt apt-get install -y", "apt-get clean", "rm -rf /var/lib/apt/lists/*"),
		run("jupyter_notebook_config.py", "mkdir -p /etc/jupyter", "cp jupyter_notebook_config.py /etc/jupyter"),
		"USER ${NB_USER}",
		"RUN " + enter + "if [ -f conda-lock.yml ]; then conda-lock install --name ${CONDA_ENV} conda-lock.yml; " +
			"elif [ -f environment.yml ]; then mamba env create --yes --name ${CONDA_ENV} --file environment.yml; " +
			"else mamba create --yes --name ${CONDA_ENV} pangeo-notebook; fi && mamba clean --all --yes",
		run("requirements.txt", "${NB_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r requirements.txt"),
		run("postBuild", "chmod +x postBuild", "./postBuild", cruft),
		run("start", "chmod +x start", "cp start "+startFile),
	}
}

// onBuildTools are the packages of the base with triggers, besides Debian's minbase.
var onBuildTools = []string{"ca-certificates", "tzdata", "wget", "zip"}

// activate is read by login shells.
const activate = `# Terminals start in the notebook environment.
if [ -f "${CONDA_DIR}/etc/profile.d/conda.sh" ]; then
    . "${CONDA_DIR}/etc/profile.d/conda.sh"
    conda activate "${CONDA_ENV}"
else
    export PATH="${NB_PYTHON_PREFIX}/bin:${PATH}"
fi
`
