#!/bin/sh
# This test needs a tag which only the step `broken-step` gives, and that step fails. Nothing is known about the
# test then: its run is held by an incident until the step works again.
#
# testyard: owner: admin
# testyard: requires: demo-service
# testyard: timeout: 1m
# testyard: dirties: nothing

echo 'this is never reached'
