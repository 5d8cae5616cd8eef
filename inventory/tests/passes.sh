#!/bin/sh
# A test is an executable in any language. Exit 0 says that it passed.
#
# What it needs stands in comments like these, before its first line of program:
# testyard: owner: admin
# testyard: requires: linux
# testyard: timeout: 1m
# testyard: dirties: nothing

echo "hello from $(uname -n), as uid $(id -u)"
[ $((6 * 7)) -eq 42 ]
