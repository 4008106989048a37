#!/bin/sh
# Like the official entrypoint: runs the scripts in /docker-entrypoint.d first if the command is nginx.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
    for script in /docker-entrypoint.d/*.sh; do
        "$script"
    done
fi
exec "$@"
