// Package virtual gives the virtual packages of the place that an environment will run on:
// __glibc, __linux, __cuda and so on, as records that a solver takes.
//
// Source: CEP 30 as of 2026-03-04, CEP 46 (__cuda_arch). The facts are the caller's. Nothing is
// read from the machine this runs on, which is not where the environment will run; even
// CONDA_OVERRIDE_* come from a function that the caller hands in.
//
// Departures:
//   - An override that cannot be read is an error; CEP 30 lets tools ignore it.
//   - An empty CONDA_OVERRIDE_CUDA, CONDA_OVERRIDE_CUDA_ARCH or CONDA_OVERRIDE_GLIBC takes the
//     package away, as conda does; CEP 30 says so only for the second.
//
// Out of scope: finding out the facts.
package virtual
