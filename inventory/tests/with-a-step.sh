#!/bin/sh
# No host has the tag `scratch-prepared` by itself, but the step `prepare-scratch` gives it. The grid runs that step
# first, and starts the test only when the step has succeeded.
#
# testyard: owner: admin
# testyard: requires: scratch-prepared
# testyard: timeout: 1m
# testyard: dirties: nothing

echo 'the step has been run before this'
