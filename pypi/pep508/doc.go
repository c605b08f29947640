// Package pep508 reads the requirements of Python packages, such as
//
//	requests[security] >=2.8.1, ==2.8.* ; python_version < "3.13"
//
// and tells whether their markers hold on a target.
//
// Source: the PyPA specification "Dependency specifiers" (PEP 508, 685, 735, 751) as of 2026-08, and
// pypa/packaging 26.3 where it is silent.
//
// A marker is evaluated for an [Environment] that the caller gives; nothing is ever read from the machine
// that runs this code.
//
// Departures from packaging:
//   - A name ends in a letter or a digit, as the specification says; packaging also takes "name_".
//   - Two variables ("os_name == sys_platform") and two texts are compared by value; packaging compares the
//     first with the name of the second, and refuses texts.
//
// Out of scope: the lines of requirements.txt, which allow more.
package pep508
