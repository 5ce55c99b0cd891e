# shellcheck shell=sh
# A PostgreSQL of our own, on a Unix socket in $T, for who has sourced lib.sh.

PG_BIN=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null |
	sort -V | tail -n 1)

# pg_make NAME [SETTING...]: a server's folder $T/NAME, in memory where there is
# some, for nobody cuts the power here; its socket is in $T/NAME.sock.
pg_make() {
	pg_name=$1
	shift
	[ -x "$PG_BIN/initdb" ] || bail "no PostgreSQL server is installed"
	if [ -w /dev/shm ]; then
		pg_home=$(mktemp -d /dev/shm/microca-pg.XXXXXX) || bail "mktemp"
		pg_homes="${pg_homes:-} $pg_home"
		ln -s "$pg_home" "$T/$pg_name"
	else
		mkdir -m 700 "$T/$pg_name"
	fi
	trap pg_cleanup EXIT
	mkdir -m 700 "$T/$pg_name.sock"
	"$PG_BIN/initdb" -D "$T/$pg_name" -A trust -U microca -E UTF8 \
		--no-locale --no-sync >"$T/setup.log" 2>&1 || bail "initdb"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$T/$pg_name.sock'"
		echo "shared_buffers = 32MB"
		echo "autovacuum_naptime = 5s"
		for setting in "$@"; do echo "$setting"; done
	} >>"$T/$pg_name/postgresql.conf"
}

# pg_start NAME: until it answers; ended with the test.
pg_start() {
	"$PG_BIN/pg_ctl" -D "$T/$1" -l "$T/$1.log" -w -t 60 start \
		>"$T/setup.log" 2>&1 || {
		cat "$T/$1.log" >>"$T/setup.log"
		bail "PostgreSQL does not start"
	}
	pg_names="${pg_names:-} $1"
}

# pg_stop NAME [fast|immediate]
pg_stop() {
	"$PG_BIN/pg_ctl" -D "$T/$1" -m "${2:-fast}" -w -t 60 stop \
		>/dev/null 2>&1
}

pg_cleanup() {
	for pg_each in ${pg_names:-}; do
		pg_stop "$pg_each" immediate
	done
	for pg_each in ${pg_homes:-}; do
		rm -rf "$pg_each"
	done
	cleanup
}

# pg_sql NAME DATABASE SQL
pg_sql() { psql -XAtq -h "$T/$1.sock" -U microca -d "$2" -c "$3"; }

# pg_url NAME DATABASE
pg_url() { echo "postgresql://microca@/$2?host=$T/$1.sock"; }

# pg_standby PRIMARY NAME: a standby of it, started; its name is NAME.
pg_standby() {
	pg_home=$(mktemp -d "$(dirname "$(readlink -f "$T/$1")")/microca-pg.XXXXXX")
	pg_homes="$pg_homes $pg_home"
	ln -s "$pg_home" "$T/$2"
	mkdir -m 700 "$T/$2.sock"
	"$PG_BIN/pg_basebackup" -D "$T/$2" -R -X stream -c fast --no-sync \
		-d "host=$T/$1.sock user=microca application_name=$2" \
		>"$T/setup.log" 2>&1 || bail "pg_basebackup"
	echo "unix_socket_directories = '$T/$2.sock'" >>"$T/$2/postgresql.conf"
	# It is nobody's primary, so it waits for nobody when it becomes one.
	echo "synchronous_standby_names = ''" >>"$T/$2/postgresql.conf"
	pg_start "$2"
}

# pg_kill NAME: the server, and all at once.
pg_kill() {
	pg_pid=$(head -n 1 "$T/$1/postmaster.pid")
	pg_children=$(ps -o pid= --ppid "$pg_pid")
	# shellcheck disable=SC2086
	kill -KILL "$pg_pid" $pg_children 2>/dev/null
}
