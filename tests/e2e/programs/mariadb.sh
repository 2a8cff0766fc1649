#!/bin/bash
# SPDX-License-Identifier: MIT
# program: MariaDB
# package: mariadb-server
# exercised: a thread per connection, as user nobody: tables of 100,000 rows, LOAD DATA LOCAL, mariadb-slap with 16 clients, TLS, KILL QUERY, a dump taken by a client on the stack and loaded again
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_certificate
mkdir "$tmp/data"
chown nobody "$tmp/data"
mariadb-install-db --no-defaults --user=nobody --datadir="$tmp/data" --auth-root-authentication-method=normal \
	--skip-test-db >"$tmp/install.log" 2>&1 || fail "mariadb-install-db: $(cat "$tmp/install.log")"
cat >"$tmp/grant.sql" <<SQL
create user boss@'%' identified by 'secret';
grant all on *.* to boss@'%';
SQL
chmod 644 "$tmp/grant.sql"
start_run mariadbd mariadbd --no-defaults --user=nobody --datadir="$tmp/data" --bind-address="$stack" --port=3306 \
	--socket="$tmp/data/socket" --pid-file="$tmp/data/pid" --init-file="$tmp/grant.sql" --local-infile=1 \
	--ssl-cert="$tmp/cert.pem" --ssl-key="$tmp/key.pem" --ssl-ca="$tmp/cert.pem" \
	--innodb-flush-log-at-trx-commit=0 --skip-name-resolve
server=$pid
wait_stack_port 3306
login=(--no-defaults -h "$stack" -u boss -psecret --protocol=tcp)
sql() # run|peer ARGUMENT...
{
	local where=$1
	shift
	"$where" mariadb "${login[@]}" -N -B --local-infile=1 "$@"
}
until_true 20 "the database" sql peer -e 'select 1'
sql peer -e "create database d; create table d.t (a int primary key, b varchar(64));"
sql peer -e "insert into t select seq, md5(seq) from seq_1_to_100000" d
sql peer d -e "select * from t order by a" >"$tmp/rows"
equal "rows" "$(wc -l <"$tmp/rows")" 100000
sql peer d -e "create table u like t; load data local infile '$tmp/rows' into table u"
sql run d -e "select * from u order by a" >"$tmp/rows2"
same_file "LOAD DATA" "$tmp/rows2" "$tmp/rows"
contains "who asks" "$(sql peer -e 'select user()')" "^boss@$kernel$"
contains "who asks on the stack" "$(sql run -e 'select user()')" "^boss@$stack$"
contains "TLS" "$(sql peer --ssl --ssl-ca="$tmp/cert.pem" -e "show status like 'Ssl_cipher'")" "Ssl_cipher.[A-Z]"

peer mariadb-slap "${login[@]}" --auto-generate-sql --concurrency=16 --number-of-queries=4000 \
	--auto-generate-sql-load-type=mixed >"$tmp/slap.log" 2>&1 || fail "mariadb-slap: $(cat "$tmp/slap.log")"
contains "mariadb-slap" "$(cat "$tmp/slap.log")" "Number of clients running queries: 16"

start_peer sleeper mariadb "${login[@]}" -e 'select sleep(60)'
sleeper=$pid
sleeping()
{
	id=$(sql peer -e "select id from information_schema.processlist where info = 'select sleep(60)'")
	[ -n "$id" ]
}
until_true 10 "the sleeping query" sleeping
sql peer -e "kill query $id"
wait_end "$sleeper" 10

run mariadb-dump "${login[@]}" d >"$tmp/dump.sql"
sql peer -e "create database e"
sql peer e <"$tmp/dump.sql"
sql peer e -e "select * from u order by a" | cmp - "$tmp/rows"
kill -TERM "$server"
wait_end "$server" 30
