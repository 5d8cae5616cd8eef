#!/bin/sh
# Any exit but 0, 77 and 99 says that the test failed: here is a bug, and it is red.
#
# testyard: owner: admin
# testyard: timeout: 1m
# testyard: dirties: nothing

expected=4
found=$((2 + 3))
echo "expected $expected, found $found"
[ "$found" -eq "$expected" ]
