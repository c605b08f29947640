// Package jupyter talks to a Jupyter server as a browser does: kernelspecs and kernels over
// the REST API, code over the kernel's websocket.
//
// Sources: Jupyter Server's REST API (api.yaml of jupyter-server 2), Jupyter's messaging
// protocol 5.3 in the JSON framing that a websocket without a subprotocol gets.
//
// Out of scope: widgets and their binary buffers, standard input, several clients of one
// kernel, and starting the server.
package jupyter
