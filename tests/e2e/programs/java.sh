#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Java
# package: openjdk-17-jre-headless
# exercised: HttpServer with a pool of threads and a ServerSocketChannel with a Selector; asked by HttpClient (sync and async, 200 requests), a non-blocking SocketChannel and a plain Socket with a time-out, on the stack and from it to the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
mkdir "$tmp/classes"
javac -d "$tmp/classes" tests/e2e/programs/Net.java || fail "javac"
java=(/usr/bin/java -Xshare:auto -Xmx256m -XX:TieredStopAtLevel=1 -cp "$tmp/classes" Net)
start_run java "${java[@]}" serve "$stack"
server=$pid
start_peer kernel_java "${java[@]}" serve "$kernel"
until_true 30 "the server on the stack" stack_listens 8002
until_true 30 "the server on the kernel's side" kernel_listens 8002
asks() # run|peer ADDRESS
{
	equal "$1 asks $2" "$("$1" timeout 60 "${java[@]}" ask "$2" 2>&1)" "all answers right"
}
asks peer "$stack"
asks run "$stack"
asks run "$kernel"
kill -TERM "$server"
wait_end "$server" 10
