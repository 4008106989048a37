#!/bin/sh
# Stands for those of the official image, which write into /etc/nginx.
echo "configured by $0" >/etc/nginx/configured
