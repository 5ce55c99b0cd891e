#!/bin/sh
# files.sh FOLDER: the files of the pages as octets of C.
set -eu
array() {
	printf 'static const char %s[] = {\n' "$1"
	od -An -v -tx1 "$2" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1, /g'
	printf '0};\n'
}
array style_css "$1/style.css"
array script_js "$1/script.js"
array icon_svg "$1/icon.svg"
