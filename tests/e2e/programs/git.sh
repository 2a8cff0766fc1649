#!/bin/bash
# SPDX-License-Identifier: MIT
# program: git
# package: git
# exercised: git daemon on the stack: clone, fetch of new commits, push, a shallow clone, from the kernel's side and by a client on the stack; four clones at once; the histories are the same
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=$tmp/gitconfig
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
printf '[safe]\n\tdirectory = *\n[protocol]\n\tversion = 2\n' >"$tmp/gitconfig"
commit() # DIRECTORY N
{
	"$helper" generate $(($2 * 20000)) >"$1/file$2"
	git -C "$1" add . && git -C "$1" commit -q -m "commit $2"
}
git init -q -b main "$tmp/work"
for i in {1..20}; do
	commit "$tmp/work" "$i"
done
mkdir "$tmp/srv"
git clone -q --bare "$tmp/work" "$tmp/srv/project.git"
start_run git git daemon --listen="$stack" --port=9418 --base-path="$tmp/srv" --export-all \
	--enable=receive-pack --reuseaddr "$tmp/srv"
wait_stack_port 9418
url=git://$stack/project.git
head_of() # DIRECTORY
{
	git -C "$1" rev-parse HEAD
}
for where in peer run; do
	"$where" git clone -q "$url" "$tmp/$where"
	equal "$where: the clone's head" "$(head_of "$tmp/$where")" "$(git -C "$tmp/srv/project.git" rev-parse main)"
	git -C "$tmp/$where" fsck --no-progress >/dev/null
	echo "$where" >"$tmp/$where/who"
	commit "$tmp/$where" 30
	"$where" git -C "$tmp/$where" push -q origin main
	equal "$where: pushed" "$(git -C "$tmp/srv/project.git" rev-parse main)" "$(head_of "$tmp/$where")"
	"$where" git clone -q --depth 1 "$url" "$tmp/shallow-$where"
	equal "$where: shallow" "$(git -C "$tmp/shallow-$where" rev-list --count HEAD)" 1
done
peer git -C "$tmp/peer" pull -q --ff-only
equal "pulled" "$(head_of "$tmp/peer")" "$(head_of "$tmp/run")"
clones=()
for i in 1 2 3 4; do
	start_peer "clone$i" git clone -q "$url" "$tmp/clone$i"
	clones+=("$pid")
done
for i in 1 2 3 4; do
	wait "${clones[i - 1]}" || fail "clone $i: $(cat "$tmp/clone$i.log")"
	equal "clone $i" "$(head_of "$tmp/clone$i")" "$(head_of "$tmp/run")"
done
