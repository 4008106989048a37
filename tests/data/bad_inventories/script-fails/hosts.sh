#!/bin/sh
echo no account >&2
exit 1
