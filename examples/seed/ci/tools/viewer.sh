#!/bin/sh
# Stands for a program that the base has no package of.
echo "viewer: looks at ${1:-nothing}"
