# shellcheck shell=sh
# Other tests, run by this one; after lib.sh.

# again NAME [-s WHY] COMMAND...: its lines, numbered on.  WHY: of those that it skips.
again() {
	again_name=$1 again_why=
	shift
	if [ "$1" = -s ]; then
		again_why=$2
		shift 2
	fi
	"$@" >"$T/out" 2>"$T/err"
	again_rc=$?
	awk -v n="$tap_n" -v test="$again_name" -v why="$again_why" '
		why != "" && /^(not )?ok [0-9]+ # SKIP/ {
			n++
			print "ok " n " - " test ": " $NF " # SKIP " why
			next
		}
		/^(not )?ok [0-9]+/ {
			n++
			sub(/ok [0-9]+ - /, "ok " n " - " test ": ")
		}
		/^1\.\.[0-9]+/ { next }
		{ print }' "$T/out"
	[ "$again_rc" = 0 ] || sed 's/^/# /' "$T/err" | head -n 40
	tap_n=$((tap_n + $(grep -cE '^(not )?ok [0-9]+' "$T/out")))
	tap_bad=$((tap_bad + $(grep -c '^not ok [0-9]* - ' "$T/out")))
	is "$again_name: runs to its end" \
		"$again_rc $(grep -cE '^1\.\.[1-9][0-9]*$' "$T/out")" "0 1"
}
