#!/bin/bash
# SPDX-License-Identifier: MIT
# program: PHP-FPM behind nginx
# package: php8.2-fpm
# exercised: nginx asks it over TCP on the same stack, kept FastCGI connections; four workers as user nobody; bodies of 3 MB, a script that asks a server on the kernel's side by fopen() and stream_socket_client(), a reload by SIGUSR2, which executes it anew
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
cat >"$tmp/www/digest.php" <<'PHP'
<?php echo hash('sha256', file_get_contents('php://input')), ' for ', $_SERVER['REMOTE_ADDR'];
PHP
cat >"$tmp/www/client.php" <<PHP
<?php
\$body = file_get_contents('http://$kernel:8080/large');
\$raw = stream_socket_client('tcp://$kernel:8080', \$code, \$text, 5);
fwrite(\$raw, "GET /large HTTP/1.0\r\n\r\n");
\$again = stream_get_contents(\$raw);
\$again = substr(\$again, strpos(\$again, "\r\n\r\n") + 4);
\$refused = @stream_socket_client('tcp://$kernel:1', \$code, \$text, 5);
echo hash('sha256', \$body), ' ', \$again === \$body ? 'same' : 'different', ' ', \$text;
PHP
cat >"$tmp/fpm.conf" <<CONF
[global]
error_log = $tmp/fpm.error.log
daemonize = no
pid = $tmp/fpm.pid
[www]
user = nobody
group = nogroup
listen = $stack:9000
pm = static
pm.max_children = 4
CONF
start_run fpm php-fpm8.2 -F -y "$tmp/fpm.conf" -n
fpm=$pid
start_peer kernel_http "$python" -m http.server -b "$kernel" -d "$tmp/www" 8080
start_nginx off <<CONF
upstream fpm { server $stack:9000; keepalive 2; }
server {
	listen $stack:80;
	root $tmp/www;
	location ~ \.php\$ {
		include /etc/nginx/fastcgi_params;
		fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
		fastcgi_keep_conn on;
		fastcgi_pass fpm;
	}
}
CONF
wait_stack_port 9000
wait_stack_port 80
wait_kernel_port 8080
for _ in 1 2 3 4 5; do
	equal "digest of the body" "$(get -H "Content-Type: application/octet-stream" --data-binary "@$tmp/www/large" "http://$stack/digest.php")" \
		"$(digest_of "$tmp/www/large") for $kernel"
done
equal "PHP as a client" "$(get "http://$stack/client.php")" \
	"$(digest_of "$tmp/www/large") same Connection refused"
load -c 4 -t 2 -d 2s "http://$stack/digest.php"
say "$requests requests"

kill -USR2 "$fpm"
until_true 10 "the reload" eval '[ "$(grep -c "ready to handle connections" "$tmp/fpm.error.log")" -ge 2 ]'
equal "after the reload" "$(get "http://$stack/digest.php")" "$(sha256sum </dev/null | cut -d" " -f1) for $kernel"
kill -QUIT "$nginx"
wait_end "$nginx" 10
kill -QUIT "$(cat "$tmp/fpm.pid")"
wait_end "$fpm" 10
