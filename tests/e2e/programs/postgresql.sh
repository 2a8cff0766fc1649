#!/bin/bash
# SPDX-License-Identifier: MIT
# program: PostgreSQL
# package: postgresql-15
# exercised: pgbench with 8 clients over a process each, TLS on and off, COPY of 200,000 rows in and out, a cancel request ends pg_sleep, LISTEN and NOTIFY, psql as a client on the stack
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

bin=/usr/lib/postgresql/15/bin
lab up
make_certificate
mkdir "$tmp/data" "$tmp/run"
chmod 600 "$tmp/key.pem"
chown -R nobody "$tmp/data" "$tmp/run" "$tmp/key.pem"
chmod 700 "$tmp/data"
(cd "$tmp" && as_nobody "$bin/initdb" -D "$tmp/data" -U boss -A trust --no-sync) >"$tmp/initdb.log" 2>&1 ||
	fail "initdb: $(cat "$tmp/initdb.log")"
cat >>"$tmp/data/postgresql.conf" <<CONF
listen_addresses = '$stack'
port = 5432
unix_socket_directories = '$tmp/run'
fsync = off
ssl = on
ssl_cert_file = '$tmp/cert.pem'
ssl_key_file = '$tmp/key.pem'
max_connections = 50
CONF
echo "host all all 0.0.0.0/0 trust" >>"$tmp/data/pg_hba.conf"
start_run postgres setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/postgres" -D "$tmp/data"
server=$pid
wait_stack_port 5432
export PGCONNECT_TIMEOUT=20
psql() # WHERE ARGUMENT...: WHERE is run or peer
{
	local where=$1
	shift
	"$where" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$stack" -U boss "$@"
}
ready()
{
	psql peer -d postgres -c 'select 1'
}
until_true 20 "the database" ready
psql peer -d postgres -c 'create database bench'
peer "$bin/pgbench" -h "$stack" -U boss -i -s 2 -q bench >"$tmp/init.log" 2>&1 || fail "pgbench -i: $(cat "$tmp/init.log")"
pgbench() # SSLMODE ARGUMENT...
{
	local mode=$1
	shift
	peer env PGSSLMODE="$mode" "$bin/pgbench" -h "$stack" -U boss -c 8 -j 2 -n "$@" bench \
		>"$tmp/pgbench.log" 2>&1 || fail "pgbench: $(cat "$tmp/pgbench.log")"
	contains "pgbench $*" "$(cat "$tmp/pgbench.log")" "number of failed transactions: 0 "
}
pgbench require -t 250
pgbench disable -t 25 -C # a connection for each transaction
equal "transactions recorded" "$(psql run -d bench -c 'select count(*) from pgbench_history')" 2200
equal "the money is all there" "$(psql run -d bench \
	-c 'select sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history')" t

psql peer -d bench -c "create table t(a int, b text)"
psql peer -d bench -c "copy (select i, md5(i::text) from generate_series(1, 200000) i) to stdout" >"$tmp/rows"
psql peer -d bench -c "copy t from stdin" <"$tmp/rows"
psql run -d bench -c "copy (select * from t order by a) to stdout" >"$tmp/rows2"
same_file "COPY" "$tmp/rows2" "$tmp/rows"
contains "who asks" "$(psql peer -d bench -c 'select inet_client_addr(), inet_server_addr(), inet_server_port()')" \
	"^$kernel\\|$stack\\|5432$"

# SIGINT makes psql send the cancel request, on a connection of its own
start_peer sleeper "$bin/psql" -X -h "$stack" -U boss -d bench -c 'select pg_sleep(60)'
sleeper=$pid
until_true 10 "the sleeping query" eval \
	'[ "$(psql peer -d bench -c "select count(*) from pg_stat_activity where query like '"'select pg_sleep%'"'")" = 1 ]'
kill -INT "$sleeper"
wait_end "$sleeper" 10
contains "the cancelled query" "$(cat "$tmp/sleeper.log")" "canceling statement due to user request"

psql peer -d bench >"$tmp/notified" <<SQL
listen news;
\\! $bin/psql -X -q -h $stack -U boss -d bench -c "notify news, 'hello'"
select 1;
SQL
contains "NOTIFY" "$(cat "$tmp/notified")" 'notification "news" with payload "hello"'
kill -INT "$server"
wait_end "$server" 20
