#!/bin/sh
echo server-1
