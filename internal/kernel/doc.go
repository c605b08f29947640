// Package kernel makes the files by which Jupyter finds and starts an environment's
// kernels: kernelspecs in the notebook env (or in /usr/local) and an activation launcher
// in the environment itself.
//
// Sources: Jupyter's "Kernel specs" page (jupyter_client 8), conda 24's activation
// (conda/activate.py: what is set, in which order, and that scripts are sorted by name).
//
// Departures from conda's activation, because a kernel is a program and no shell session:
// no PS1 and CONDA_PROMPT_MODIFIER; scripts write to standard error and read nothing;
// the environment that is left stays on PATH behind the new one, so that jupyter and git
// of the notebook env are still found in "!" commands; variables of environment.yml are
// in the launcher and not read from conda-meta/state at run time.
//
// Out of scope: activation of the notebook env. jupyterhub-singleuser is started from
// PATH, without activation, as in pangeo's base images; an entrypoint of the base may
// activate it, and the launcher then leaves it again first.
package kernel
