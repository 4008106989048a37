#!/bin/sh
# As the official one: what is in /docker-entrypoint.d runs first where nginx itself is what is asked for.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
    for script in /docker-entrypoint.d/*.sh; do
        "$script"
    done
fi
exec "$@"
