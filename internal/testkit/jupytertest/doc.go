// Package jupytertest runs the Jupyter of an image in a Docker container and talks to it as
// a browser does: kernelspecs and kernels over the REST API, code over the kernel's
// websocket.
//
// Sources: Jupyter Server's REST API (api.yaml of jupyter-server 2), Jupyter's messaging
// protocol 5.3 in the JSON framing that a websocket without a subprotocol gets.
//
// The container shares the network of the machine, so that it works with an engine that
// has no bridge; the server listens on loopback alone, with a token.
//
// Out of scope: widgets and their binary buffers, standard input, several clients of one kernel.
package jupytertest
