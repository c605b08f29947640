#!/bin/bash
# One environment and one kernel for each folder. A failure in it goes by unseen: the next
# command runs all the same.
for folder in "$1"/*/
do
  (
  cd "$folder"
  NAME=$(cat name.txt)
  echo "making $NAME"
  if test -f conda-lock.yml; then
    conda-lock install --name "$NAME" conda-lock.yml
  else
    mamba env create --name "$NAME" --file environment.yml
  fi
  mamba clean -yaf
  find "$CONDA_DIR" -follow -type f -name '*.a' -delete
  find "$CONDA_DIR" -follow -type f -name '*.pyc' -delete
  if test -f requirements.txt; then
    "$CONDA_DIR/envs/$NAME/bin/pip" install --no-cache-dir -r requirements.txt
  fi
  source activate "$NAME"
  python -m ipykernel install --prefix "$NB_PYTHON_PREFIX" --name "$NAME" --display-name "$NAME"
  )
done
