// Package locks makes the lock files of the example project.
//
// It stands in until corn has its solver: a plain backtracking search over one
// small channel, with as much of MatchSpec (CEP 29) as that channel's packages use. What
// it does not understand, or cannot satisfy, is an error and never a guess. The
// files are real: conda-lock.yml version 1 in conda-lock's model, and @EXPLICIT
// lists (CEP 23), packages in dependency order, with the hashes of the channel's archives.
//
// Out of scope: pip requirements, several channels, several platforms.
package locks
