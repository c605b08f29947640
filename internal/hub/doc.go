// Package hub gives a JupyterHub a new image: it edits the files that name the image, talks to the
// hub's REST API, and writes what admins paste.
//
// Values files are read for positions and changed by splices, never written out from a tree: every
// byte that is not part of a changed value stays. After each edit the file is read again, and an
// edit that changed anything else is an error (Edit).
//
// Sources: the chart of zero-to-jupyterhub-k8s 4 (values.schema.yaml), KubeSpawner 7 (profile_list),
// hubploy, JupyterHub 5's REST API (docs/source/_static/rest-api.yml), jupyterhub-configurator. YAML
// is read by go.yaml.in/yaml, of the family that helm reads it with, and not by package yamltree,
// which allows less than real values files have.
package hub
