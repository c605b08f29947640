// Package projecttest writes what a project of a test needs besides packages: locks that
// fit a test channel, wheels, base images; and it checks images that corn has written.
//
// It shares no code with corn's readers and writers, so that their mistakes show.
package projecttest
