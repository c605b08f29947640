# Prints the names of the variables that the scripts of etc/conda/activate.d set where nothing
# else is set.
shell=sh
command -v bash >/dev/null 2>&1 && shell=bash
exec env -i HOME="$HOME" PATH="$PATH" CONDA_PREFIX="$CONDA_PREFIX" CONDA_DEFAULT_ENV="$CONDA_DEFAULT_ENV" CONDA_SHLVL=1 "$shell" -c '
names() { env -0 | tr "\n\0" " \n" | sed -n "s/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p"; }
before=" $(names | tr "\n" " ") "
for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do
  if [ -e "$script" ]; then . "$script" >/dev/null 2>&1 </dev/null; fi
done
for name in $(names); do
  case "$before _ SHLVL PWD OLDPWD " in *" $name "*) ;; *) echo "$name" ;; esac
done'
