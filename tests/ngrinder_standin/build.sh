#!/bin/sh
# build.sh FOLDER_OF_A_JDK_11 TARGET.war
set -eu
cd "$(dirname "$0")"
classes=$(mktemp -d)
"$1/bin/javac" -encoding UTF-8 -Xlint:all -Werror -d "$classes" *.java
"$1/bin/jar" --create --file "$2" --main-class Standin -C "$classes" .
rm -r "$classes"
