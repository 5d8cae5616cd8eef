#!/bin/sh
# A test may report named cases while it runs, each with a result, and a case may carry a measurement. A failed
# case makes the test red whatever its exit; no case makes a red exit green.
#
# testyard: owner: admin
# testyard: timeout: 1m
# testyard: dirties: nothing
# testyard: cases: adds, copies, prints
# A pass without these three would have tested nothing.
set -eu

if [ $((2 + 2)) -eq 4 ]; then testyard-case adds pass; else testyard-case adds fail; fi

dd if=/dev/zero of=zeros bs=1024 count=64 2>/dev/null
bytes=$(wc -c <zeros)
testyard-case copies pass --measurement "$bytes" bytes

testyard-case prints skip --message 'no printer is attached'
