#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# pull, and the implicit pull of actions: transports, names, platforms, the cache, concurrency, kills (transports.md 1, 4, 5, 9; cli.md 5).

load testlib/helpers

inputs=$BATS_TEST_DIRNAME/fixtures/inputs
context='FATAL:   While making image from oci registry: error fetching image: '

setup_case()
{
	pids=()
}

# unpack NAME [DIRECTORY]: a layout of the fixtures as a directory
unpack()
{
	mkdir -p "${2:-$1}"
	tar -xf "$inputs/$1.oci.tar" -C "${2:-$1}"
}

# A layout with a layer of $1 MiB that does not compress, and one that does.
make_big()
{
	python3 - "$testlib" "$dir/big" "$1" <<-'EOF'
		import random, sys
		sys.path.insert(0, sys.argv[1])
		import layouts
		noise = random.Random(7).randbytes(int(sys.argv[3]) << 20)
		layers = [layouts.layer([("noise", "file", {"data": noise})]), layouts.layer([("text", "file", {"data": b"text " * 400000})])]
		layouts.write(sys.argv[2], {"architecture": "amd64", "os": "linux"}, layers)
	EOF
}

fails_with()
{
	is "$status" 255
	is "$out" ""
	has "$err" "$1"
}

same_files()
{
	is "$(sha256sum "$@" | cut -c1-64 | sort -u | wc -l)" 1
}

# All files below the test's directory, with mode and size: what a failed pull must leave as it was.
snapshot()
{
	find "$dir" ! -name '.out' ! -name '.err' ! -name locks ! -type d -printf '%P %m %s\n' | sort
}

@test "the lines of the first and of the second pull" {
	unpack layers
	split singularity pull --oci layers.sif oci:layers
	is "$status$out" 0
	has "$err" "Copying blob 2c4f18f10f6a done  "$'\n'
	is "${err//  $'\n'/$'\n'}" "Getting image source signatures
Copying blob 2c4f18f10f6a done
Copying blob c6f87b0ad487 done
Copying blob ce08aa292cd3 done
Copying blob 8bc3db3adaf0 done
Copying config d2d0b1daa0 done
Writing manifest to image destination
INFO:    Converting OCI image to OCI-SIF format
INFO:    Squashing image to single layer
INFO:    Writing OCI-SIF image
INFO:    Cleaning up."
	split singularity pull again.sif oci:layers
	is "$status$out" 0
	is "$err" "INFO:    Using cached OCI-SIF image"
	same_files layers.sif again.sif
}

@test "quiet pulls say nothing" {
	unpack tiny
	split singularity -q pull oci:tiny
	is "$status$out$err" 0
}

@test "no program of the host is needed, and nobody checks signatures" {
	unpack tiny
	PATH=/nonexistent "$singularity" -q pull a.sif oci:tiny
	split singularity -s pull -U b.sif oci:tiny
	is "$status $err" "0 Flag --allow-unsigned has been deprecated, pull checks no signatures"
	same_files a.sif b.sif
}

@test "names of the image file" {
	unpack tiny
	cp "$inputs/tiny.docker.tar" img.tar
	mkdir sub
	singularity -q pull oci:tiny
	singularity -q pull docker-archive:img.tar
	singularity -q pull --name flag.sif positional.sif oci:tiny
	singularity -q pull --dir sub oci:tiny
	singularity -q pull --dir "$dir/sub" given.sif oci:tiny
	SINGULARITY_PULLDIR=sub singularity -q pull env1.sif oci:tiny
	SINGULARITY_PULLFOLDER=sub singularity -q pull env2.sif oci:tiny
	singularity -q pull --dir sub "$dir/absolute.sif" oci:tiny
	for f in tiny_latest.oci.sif img.tar_latest.oci.sif flag.sif absolute.sif sub/tiny_latest.oci.sif sub/given.sif sub/env1.sif \
		sub/env2.sif; do
		[ -f "$f" ] || { echo "no $f"; return 1; }
	done
	[ ! -e positional.sif ]
}

@test "the file's mode is that of the umask" {
	unpack tiny
	(umask 077 && singularity -q pull a.sif oci:tiny)
	(umask 002 && singularity -q pull b.sif oci:tiny)
	(umask 022 && singularity -q pull --disable-cache c.sif oci:tiny)
	is "$(stat -c %a a.sif b.sif c.sif | xargs)" "700 775 755"
}

@test "an existing file stays, unless it is to be replaced" {
	unpack tiny
	echo old >a.sif
	split singularity pull a.sif oci:tiny
	fails_with 'FATAL:   Image file already exists: "a.sif" - will not overwrite'
	is "$(cat a.sif)" old
	split singularity pull a.sif docker://127.0.0.1:1/none
	fails_with 'FATAL:   Image file already exists: "a.sif" - will not overwrite'
	split singularity pull -F a.sif oci:none
	fails_with "${context}failed to get digest for oci:none: stat none/index.json: no such file or directory"
	is "$(cat a.sif)" old
	singularity -q pull --force a.sif oci:tiny
	singularity -q pull b.sif oci:tiny
	same_files a.sif b.sif
	echo old >a.sif
	SINGULARITY_FORCE=1 singularity -q pull a.sif oci:tiny
	same_files a.sif b.sif
	is "$(ls -A)" "$(printf '%s\n' .err .out a.sif b.sif cache tiny)"
}

@test "directories are not replaced, links that lead nowhere are" {
	unpack tiny
	mkdir d
	split singularity pull --force d oci:tiny
	fails_with "d is a directory"
	split singularity pull d/ oci:tiny
	fails_with "d/ is a directory"
	ln -s nowhere l.sif
	singularity -q pull l.sif oci:tiny
	[ -f l.sif ] && [ ! -L l.sif ] && [ ! -e nowhere ]
}

@test "a place that cannot be written to is noticed before anything is fetched" {
	split singularity pull --dir none x.sif docker://127.0.0.1:1/none
	fails_with "open none/: no such file or directory"
	lacks "$err" "127.0.0.1:1"
	mkdir -m 555 ro
	split as_user "$singularity" pull ro/x.sif docker://127.0.0.1:1/none
	fails_with "permission denied"
	lacks "$err" "refused"
}

@test "words that name no image" {
	split singularity pull foo://x
	fails_with "FATAL:   Unsupported transport type: foo"
	split singularity pull docker:
	fails_with "FATAL:   Bad URI docker:"
	split singularity pull docker://
	fails_with "${context}failed to get digest for docker://: could not parse reference: "
	split singularity pull alpine
	fails_with "FATAL:   Unsupported transport type: library"
	split singularity pull x.sif docker-daemon:alpine
	fails_with "FATAL:   Unsupported transport type: docker-daemon"
	split singularity pull --no-oci x.sif docker://alpine
	fails_with "in OCI mode only"
	split singularity pull
	is "$status" 1
	has "$err" 'accepts between 1 and 2 arg(s), received 0'
	split singularity pull --with-cosign x.sif docker://alpine
	is "$status" 1
	has "$err" "unknown flag: --with-cosign"
}

@test "layouts: tag, index, digest, odd names" {
	unpack tiny
	unpack index 'user@site:x'
	singularity -q pull a.sif oci:tiny:latest
	singularity -q pull b.sif oci:tiny:@0
	singularity -q pull c.sif oci:tiny@sha256:e53c6b18c3bc617dc111d4eb6249a16c0fab72fa840a62e9c9c5e7dd5d876104
	singularity -q pull d.sif "oci://tiny"
	singularity -q pull e.sif "oci-archive:$inputs/tiny.oci.tar:latest"
	same_files a.sif b.sif c.sif d.sif e.sif
	split singularity pull f.sif 'oci:user@site:x'
	fails_with "must specify a digest - layout contains multiple images"
	singularity -q pull f.sif 'oci:user@site:x:@0'
	split singularity pull g.sif oci:tiny:v9
	fails_with 'not found in layout'
}

@test "docker-archives: tag, index, compressed, through a pipe" {
	cp "$inputs/two.docker.tar" two.tar
	split singularity pull x.sif docker-archive:two.tar
	fails_with "tarball must contain only a single image to be used with tarball.Image"
	has "$err" "example/tiny:v1, example/other:v2"
	singularity -q pull a.sif docker-archive:two.tar:example/tiny:v1
	singularity -q pull b.sif docker-archive:two.tar:@1
	singularity -q pull c.sif "docker-archive:$inputs/tiny.docker.tar"
	gzip -k two.tar
	xz -k two.tar
	zstd -q two.tar
	for z in gz xz zst; do
		singularity -q pull --disable-cache "$z.sif" "docker-archive:two.tar.$z:@0"
		[ -f "$z.sif" ]
	done
	cat "$inputs/tiny.docker.tar" | singularity -q pull p.sif docker-archive:/dev/stdin
	same_files a.sif b.sif c.sif p.sif
	head -c 3000 two.tar >cut.tar
	split singularity pull x.sif docker-archive:cut.tar
	fails_with "failed to get digest for docker-archive:cut.tar: archive/tar: "
}

@test "what skopeo writes is read, with and without ./ names" {
	require skopeo
	unpack layers
	skopeo --insecure-policy copy -q oci:layers:latest docker-archive:skopeo.tar:example/x:v1 || skip "this skopeo cannot copy here"
	singularity -q pull a.sif docker-archive:skopeo.tar
	skopeo --insecure-policy copy -q oci:layers:latest oci-archive:skopeo.oci.tar:v1
	singularity -q pull b.sif oci-archive:skopeo.oci.tar
	(cd layers && tar -cf ../dot.tar ./index.json ./oci-layout ./blobs)
	singularity -q pull c.sif oci-archive:dot.tar
	same_files b.sif c.sif
}

@test "hostile archives are refused and leave nothing" {
	python3 - <<-'EOF'
		import io, tarfile
		with tarfile.open("escape.tar", "w") as t:
		    for name in ("index.json", "../../escaped"):
		        t.addfile(tarfile.TarInfo(name), io.BytesIO())
		with tarfile.open("loop.tar", "w") as t:
		    link = tarfile.TarInfo("manifest.json")
		    link.type, link.linkname = tarfile.SYMTYPE, "manifest.json"
		    t.addfile(link)
	EOF
	unpack tiny
	before=$(snapshot)
	split singularity pull x.sif oci-archive:escape.tar
	fails_with "../../escaped: illegal extraction path"
	split singularity pull x.sif docker-archive:loop.tar
	fails_with "link cycle detected for manifest.json"
	is "$(snapshot)" "$before"
	rm -f tiny/blobs/sha256/7b79720c360c9db59243b12cc0d1dd8a949889a0f0e1b61555c173cb16fea559
	ln -s /etc/passwd tiny/blobs/sha256/7b79720c360c9db59243b12cc0d1dd8a949889a0f0e1b61555c173cb16fea559
	split singularity pull x.sif oci:tiny
	fails_with "is a symlink"
	is "$(ls -A cache/cache/oci-sif)" ""
	[ ! -e x.sif ]
}

@test "an image of another platform is refused, or asked for" {
	unpack foreign
	split singularity pull x.sif oci:foreign
	fails_with "${context}image (linux/arm64/v8) does not satisfy required platform (linux/amd64)"
	singularity -q pull --arch arm64 a.sif oci:foreign
	singularity -q pull --platform linux/arm64/v8 b.sif oci:foreign
	SINGULARITY_PULL_ARCH=aarch64 singularity -q pull c.sif oci:foreign
	SINGULARITY_PLATFORM=linux/arm64 singularity -q pull d.sif oci:foreign
	same_files a.sif b.sif c.sif d.sif
	split singularity pull --platform windows/amd64 x.sif oci:foreign
	fails_with 'FATAL:   "windows" is not a valid platform OS for singularity'
	for platform in linux/amd64 linux/arm64; do
		split singularity pull --arch arm64 --platform "$platform" x.sif oci:foreign
		fails_with "FATAL:   --arch and --platform cannot be used together"
	done
	split singularity pull n.sif "oci-archive:$inputs/noplatform.oci.tar"
	is "$status" 0
	is "$(grep -c "WARNING: OCI image doesn't declare a platform" <<<"$err")" 1
}

@test "kept layers and the compressions are cached apart" {
	unpack layers
	singularity -q pull one.sif oci:layers
	singularity -q pull --keep-layers four.sif oci:layers
	is "$(singularity sif list one.sif | grep -c OCI.Blob)" 3
	is "$(singularity sif list four.sif | grep -c OCI.Blob)" 6
	for codec in gzip:1 lz4:5 zstd:6; do
		singularity -q pull --squashfs-codec "${codec%:*}" "${codec%:*}.sif" oci:layers
		# the compressor's number in the superblock of the first layer
		is "$(python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); i = d.index(b"hsqs"); print(d[i + 20])' "${codec%:*}.sif")" \
			"${codec#*:}"
	done
	same_files zstd.sif one.sif
	singularity -q pull --squashfs-level 9 nine.sif oci:layers
	is "$(find cache/cache/oci-sif -type f | wc -l)" 5
	split singularity pull --squashfs-codec bzip2 x.sif oci:layers
	fails_with '"bzip2" is not a squashfs codec that can be written'
}

@test "an OCI-SIF file is a source too" {
	unpack layers
	singularity -q pull --keep-layers four.sif oci:layers
	singularity -q pull one.sif oci-sif:four.sif
	is "$(singularity sif list one.sif | grep -c OCI.Blob)" 3
	singularity -q pull --keep-layers same.sif oci-sif:four.sif
	is "$(singularity sif list same.sif | grep -c OCI.Blob)" 6
	# A path, not a name in the library.
	for path in "$dir/same.sif" ./same.sif; do
		singularity -q pull --force --keep-layers path.sif "$path"
		same_files same.sif path.sif
	done
}

@test "the cache has the modes and names of the reference, and can be left out" {
	unpack tiny
	SINGULARITY_CACHEDIR=$dir/other singularity -q pull --disable-cache a.sif oci:tiny
	SINGULARITY_CACHEDIR=$dir/other SINGULARITY_DISABLE_CACHE=1 singularity -q pull b.sif oci:tiny
	[ ! -e other ]
	split env SINGULARITY_DISABLE_CACHE=maybe "$singularity" pull x.sif oci:tiny
	fails_with 'strconv.ParseBool: parsing "maybe": invalid syntax'
	singularity -q pull c.sif oci:tiny
	is "$(cd cache && find cache -printf '%P %m\n' | sort)" " 700
blob 700
blob/index.json 644
blob/oci-layout 644
locks 600
oci-sif 700
oci-sif/sha256:e53c6b18c3bc617dc111d4eb6249a16c0fab72fa840a62e9c9c5e7dd5d876104 700"
}

@test "the directory in the home is for its owner alone: ~/.singularity" {
	unset SINGULARITY_CACHEDIR
	as_user singularity cache list >/dev/null
	chmod 755 "$user_home/.singularity"
	as_user singularity cache list >/dev/null
	is "$(stat -c %a "$user_home/.singularity" "$user_home/.singularity/cache")" $'700\n700'
	# One that is named may be anything.
	as_user mkdir -m 755 named
	SINGULARITY_CONFIGDIR=$dir/named as_user singularity cache list >/dev/null
	is "$(stat -c %a named named/cache)" $'755\n700'
}

@test "the cache may have any path" {
	unpack tiny
	mkdir real
	ln -s real link
	for path in 'a@b' 'a:b' 'a b' '100%s' 'ü' link 'slash/'; do
		SINGULARITY_CACHEDIR=$path singularity -q pull --force x.sif oci:tiny
		split env SINGULARITY_CACHEDIR="$path" "$singularity" pull --force x.sif oci:tiny
		is "$err" "INFO:    Using cached OCI-SIF image"
	done
}

@test "a damaged entry of the cache is made again" {
	unpack tiny
	singularity -q pull a.sif oci:tiny
	truncate -s 5000 cache/cache/oci-sif/*
	split singularity pull b.sif oci:tiny
	is "$status" 0
	has "$err" "Converting"
	split singularity pull c.sif oci:tiny
	is "$err" "INFO:    Using cached OCI-SIF image"
	same_files b.sif c.sif
}

@test "a cache that cannot be written to" {
	require_root
	unpack tiny
	mkdir -m 755 ro
	split as_user env SINGULARITY_CACHEDIR="$dir/ro" "$singularity" pull a.sif oci:tiny
	is "$status" 0
	has "$err" "WARNING: Cache disabled - cache location $dir/ro is not writable."
	split as_user env SINGULARITY_CACHEDIR="$dir/ro" "$singularity" -q exec oci:tiny /bin/sh
	is "$status" 0
	# A warm one, of root, is used.
	SINGULARITY_CACHEDIR=$dir/ro singularity -q pull b.sif oci:tiny
	chmod -R go+rX ro
	split as_user env SINGULARITY_CACHEDIR="$dir/ro" "$singularity" pull c.sif oci:tiny
	is "$err$status" "INFO:    Using cached OCI-SIF image0"
	# Another user's is not.
	chown -R nobody ro/cache
	split as_user env SINGULARITY_CACHEDIR="$dir/ro" "$singularity" pull d.sif oci:tiny
	is "$status" 0
	has "$err" "WARNING: Cache disabled - cache directory $dir/ro/cache belongs to user"
}

@test "temporary files go where they are told to" {
	mkdir t1 t2
	gzip -c "$inputs/tiny.docker.tar" >tiny.tar.gz
	ln -s t2 t2link
	strace -qf -e trace=openat -o trace singularity -q pull --tmpdir t1 a.sif docker-archive:tiny.tar.gz || skip "strace does not work here"
	grep -q '"t1", O_RDONLY|O_NOCTTY|O_CLOEXEC|O_PATH' trace
	SINGULARITY_TMPDIR=$dir/t2link/ strace -qf -e trace=openat -o trace singularity -q pull b.sif docker-archive:tiny.tar.gz
	grep -q "\"$dir/t2link/\", O_RDONLY" trace
	is "$(ls -A t1 t2)" "$(printf 't1:\n\nt2:')"
	split env SINGULARITY_TMPDIR="$dir/none" "$singularity" pull --disable-cache c.sif "docker-archive:$inputs/tiny.docker.tar"
	fails_with "${context}while creating OCI-SIF: stat $dir/none: no such file or directory"
	[ ! -e c.sif ]
}

@test "sixteen cold pulls at once convert once" {
	make_big 4
	for i in $(seq 16); do
		singularity pull "p$i.sif" oci:big 2>"log$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	is "$(cat log* | grep -c 'Converting')" 1
	is "$(cat log* | grep -c 'Using cached')" 15
	same_files p*.sif
	is "$(find cache/cache/oci-sif -type f | wc -l)" 1
}

@test "pulls that replace one file at once leave one of theirs" {
	unpack tiny
	for i in $(seq 8); do
		singularity -q pull --force x.sif oci:tiny &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	singularity sif list x.sif >/dev/null
	is "$(ls -A)" "$(printf '%s\n' cache tiny x.sif)"
}

@test "a kill at any moment leaves nothing" {
	make_big 8
	mkdir tmp
	export TMPDIR=$dir/tmp
	before=$(snapshot)
	for i in $(seq 20); do
		flags=()
		if [ $((i % 2)) -eq 0 ]; then flags=(--disable-cache); fi
		singularity -q pull "${flags[@]}" x.sif oci:big &
		sleep "0.0$((i * 4 % 10))$((i % 10))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		rm -f x.sif # it may have been done
		rm -f cache/cache/oci-sif/sha256* cache/cache/blob/index.json cache/cache/blob/oci-layout
		is "$(snapshot)" "$before"
	done
	singularity -q pull x.sif oci:big
}

@test "a limit on file sizes is an error that leaves nothing" {
	make_big 4
	before=$(snapshot)
	split bash -c "ulimit -f 1024; exec $singularity pull --disable-cache x.sif oci:big"
	fails_with "file too large"
	is "$(snapshot)" "$before"
	split bash -c "ulimit -f 1024; exec $singularity pull x.sif oci:big"
	fails_with "SINGULARITY_CACHEDIR"
	[ ! -e x.sif ]
	is "$(ls -A cache/cache/oci-sif)" ""
}

@test "a full disk is an error that names it and leaves nothing" {
	require_root
	make_big 4
	mkdir small
	unshare -m true 2>/dev/null || skip "no mount namespace"
	split unshare -m bash -c "mount -t tmpfs -o size=2m none small && { SINGULARITY_CACHEDIR=$dir/small $singularity pull x.sif oci:big
		rc=\$?; ls -A small/cache/oci-sif; exit \$rc; }"
	fails_with "no space left on device"
	has "$err" "free some space in $dir/small/cache, or choose another place with SINGULARITY_CACHEDIR"
	split unshare -m bash -c "mount -t tmpfs -o size=2m none small && { $singularity pull --disable-cache small/x.sif oci:big
		rc=\$?; ls -A small; exit \$rc; }"
	fails_with "no space left on device"
}

@test "progress is for terminals alone" {
	require script
	make_big 12
	split singularity pull a.sif oci:big
	lacks "$err" $'\r'
	script -qec "$singularity pull --disable-cache b.sif oci:big" typescript >/dev/null </dev/null
	grep -q ' / .*MiB .*% .*/s ' typescript
	script -qec "$singularity -q pull --disable-cache c.sif oci:big" quiet >/dev/null </dev/null
	! grep -q 'MiB' quiet
}

# ---- a registry ----

teardown_case()
{
	if [ -n "${registry_pid-}" ]; then kill "$registry_pid" 2>/dev/null || true; fi
}

start_registry()
{
	require docker-registry
	mkdir -p reg
	"$testlib/registry" serve "$dir/reg" 3>&- &
	registry_pid=$!
	for _ in $(seq 100); do
		[ -e reg/address ] && break
		sleep 0.05
	done
	address=$(cat reg/address)
}

@test "an image of a registry: platforms, digest, cache" {
	start_registry
	unpack index
	"$testlib/registry" push "$address" multi:v1 index
	split singularity pull a.sif "docker://$address/multi:v1"
	is "$status" 0
	is "$(head -1 <<<"$err")" "Getting image source signatures"
	is "$(tail -1 <<<"$err")" "INFO:    Cleaning up."
	has "$err" "Copying config "
	split singularity pull b.sif "docker://$address/multi:v1"
	is "$err" "INFO:    Using cached OCI-SIF image"
	same_files a.sif b.sif
	singularity -q pull --arch arm64 c.sif "docker://$address/multi:v1"
	split singularity pull --platform linux/arm64/v8 d.sif "docker://$address/multi:v1"
	is "$err" "INFO:    Using cached OCI-SIF image"
	split singularity pull --arch s390x e.sif "docker://$address/multi:v1"
	fails_with "${context}failed to get digest for docker://$address/multi:v1: no image satisfies requested platform: linux/s390x"
	split singularity pull f.sif "docker://$address/none:v1"
	fails_with "MANIFEST_UNKNOWN"
	digest=$(python3 -c 'import json; print(json.load(open("index/index.json"))["manifests"][0]["digest"])')
	split singularity pull "docker://$address/multi@$digest"
	is "$err" "INFO:    Using cached OCI-SIF image"
	[ -f "multi@sha256_${digest#sha256:}.oci.sif" ]
}

@test "--docker-login asks for name and password" {
	start_registry
	unpack tiny
	"$testlib/registry" push "$address" tiny:v1 tiny
	printf 'user\npass\n' >answers
	split singularity pull --docker-login a.sif "docker://$address/tiny:v1" <answers
	is "$status" 0
	is "$out" "Enter Docker/OCI registry username: Enter Docker / OCI registry password: "
	printf 'pass\n' >answers
	split singularity pull --docker-login --docker-username user b.sif "docker://$address/tiny:v1" <answers
	is "$out$status" "Enter Docker / OCI registry password: 0"
	# tiny has no program to run; it is fetched all the same.
	split singularity exec --docker-login --docker-username user "docker://$address/tiny:v1" /none <answers
	has "$out" "Enter Docker / OCI registry password: "
	lacks "$err" "could not read"
	split singularity run --docker-login "docker://$address/tiny:v1" </dev/null
	is "$status" 255
	has "$err" "could not read credentials: could not read user's input: EOF"
}

@test "eight cold pulls at once fetch every blob once" {
	start_registry
	make_big 3
	"$testlib/registry" push "$address" big:v1 big
	for i in $(seq 8); do
		singularity pull "p$i.sif" "docker://$address/big:v1" 2>"log$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	same_files p*.sif
	is "$(cat log* | grep -c 'Converting')" 1
	is "$(grep -o '"GET /v2/big/blobs/sha256:[0-9a-f]*' reg/log | sort | uniq -c | awk '$1 != 1')" ""
	[ "$(grep -c '"GET /v2/big/blobs/sha256' reg/log)" -ge 2 ]
}

@test "a kill while blobs arrive leaves nothing half-done" {
	start_registry
	make_big 8
	"$testlib/registry" push "$address" big:v1 big
	mkdir tmp
	export TMPDIR=$dir/tmp
	for i in $(seq 10); do
		singularity -q pull x.sif "docker://$address/big:v1" &
		sleep "0.0$((i * 7 % 10))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		rm -f x.sif
		is "$(ls -A tmp)" ""
		for blob in cache/cache/blob/blobs/sha256/*; do
			if [ -e "$blob" ]; then is "$(sha256sum "$blob" | cut -c1-64)" "$(basename "$blob")"; fi
		done
	done
	singularity -q pull x.sif "docker://$address/big:v1"
}

# ---- actions ----

@test "actions run from URIs: the cache, exit status, messages" {
	"$testlib/mkimage" box.layout
	split singularity exec oci:box.layout sh -c 'echo out; exit 3'
	is "$status" 3
	is "$out" out
	has "$err" "INFO:    Cleaning up."
	split singularity exec oci:box.layout echo again
	is "$out$status" again0
	is "$err" "INFO:    Using cached OCI-SIF image"
	mkdir temporary
	SINGULARITY_TMPDIR=$dir/temporary split singularity exec --disable-cache oci:box.layout echo uncached
	is "$out$status" uncached0
	has "$err" "INFO:    Cleaning up."
	lacks "$err" "ERROR"
	is "$(ls -A temporary)" ""
	split singularity exec oci:none true
	is "$status" 255
	is "$err" "FATAL:   Unable to handle oci:none uri: failed to get digest for oci:none: stat none/index.json: no such file or directory"
	split singularity exec foo://bar true
	is "$err" "FATAL:   Unable to handle foo://bar uri: unsupported transport type: foo"
}

@test "whoever kills the action kills its pull" {
	make_big 16
	singularity -q exec oci:big true &
	sleep 0.15
	kill -9 $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	for _ in $(seq 20); do
		pgrep -f "action-image .*oci:big" >/dev/null || break
		sleep 0.05
	done
	! pgrep -f "action-image .*oci:big"
	is "$(find cache/cache/oci-sif -name '.*' -type f)" ""
}

@test "an image that runs stays in the cache" {
	"$testlib/mkimage" box.layout
	mkfifo gate
	singularity -q exec -B "$dir" oci:box.layout sh -c "echo up >$dir/up; cat $dir/gate" &
	pids+=($!)
	for _ in $(seq 200); do
		[ -s up ] && break
		sleep 0.05
	done
	split singularity cache clean --force --type oci-sif
	is "$status" 0
	has "$err" "INFO:    Keeping oci-sif cache entry, which is in use: sha256:"
	echo go >gate
	wait "${pids[0]}"
	split singularity cache clean --force --type oci-sif
	has "$err" "INFO:    Removing oci-sif cache entry: sha256:"
	is "$(ls -A cache/cache/oci-sif)" ""
}

# ---- cache list, cache clean ----

@test "cache list: totals, table, types" {
	split singularity cache list
	is "$out" "There are 0 container file(s) using 0.00 KiB and 0 oci blob file(s) using 0.00 KiB of space
Total space used: 0.00 KiB"
	unpack tiny
	singularity -q pull a.sif oci:tiny
	size=$(stat -c %s a.sif)
	shown=$(awk -v n="$size" 'BEGIN { printf "%.2f KiB", n / 1024 }')
	split singularity cache list
	is "$out" "There are 1 container file(s) using $shown and 0 oci blob file(s) using 0.00 KiB of space
Total space used: $shown"
	split env TZ=UTC "$singularity" cache list -v
	is "$(head -1 <<<"$out")" "NAME                     DATE CREATED           SIZE             TYPE"
	[[ $(sed -n 2p <<<"$out") =~ ^sha256:e53c6b18c3bc617\ \ \ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}\ \ \ \ $shown\ +oci-sif$ ]]
	is "$(sed -n 3p <<<"$out")" ""
	split singularity cache list --type blob
	is "$out" "There are 0 oci blob file(s) using 0.00 KiB of space
Total space used: 0.00 KiB"
	split singularity cache list -T oci-sif,net
	is "$(head -1 <<<"$out")" "There are 1 container file(s) using $shown of space"
	split singularity cache list --type bogus
	fails_with '"bogus" is not a type of cache entries'
	split env SINGULARITY_DISABLE_CACHE=maybe "$singularity" cache list
	fails_with 'FATAL:   Failed to create an image cache handle: failed to parse environment variable SINGULARITY_DISABLE_CACHE: strconv.ParseBool: parsing "maybe": invalid syntax'
}

@test "cache clean: question, dry run, age, types" {
	unpack tiny
	singularity -q pull a.sif oci:tiny
	entry=sha256:e53c6b18c3bc617dc111d4eb6249a16c0fab72fa840a62e9c9c5e7dd5d876104
	question='This will delete everything in your cache (containers from all sources and OCI blobs).
Hint: You can see exactly what would be deleted by canceling and using the --dry-run option.
Do you want to continue? [y/N] '
	split singularity cache clean </dev/null
	is "$status" 255
	is "$out" "$question"
	is "$err" "FATAL:   Handle clean failed: could not prompt user: could not read user's input: EOF"
	echo n >answer
	split singularity cache clean <answer
	is "$err$status" "INFO:    Handle cleanup canceled0"
	split singularity cache clean -n
	is "$out" "User requested a dry run. Not actually deleting any data!"
	is "$err" "INFO:    Removing blob cache entry: index.json
INFO:    Removing blob cache entry: oci-layout
INFO:    No cached files to remove at $dir/cache/cache/library
INFO:    No cached files to remove at $dir/cache/cache/oci-tmp
INFO:    No cached files to remove at $dir/cache/cache/shub
INFO:    No cached files to remove at $dir/cache/cache/oras
INFO:    No cached files to remove at $dir/cache/cache/net
INFO:    Removing oci-sif cache entry: $entry"
	[ -e "cache/cache/oci-sif/$entry" ]
	split singularity cache clean -f --days 30
	[ -e "cache/cache/oci-sif/$entry" ]
	touch -d '31 days ago' "cache/cache/oci-sif/$entry"
	split singularity cache clean -f --days 30 --type blob
	[ -e "cache/cache/oci-sif/$entry" ]
	split singularity cache clean -f --days 30
	has "$err" "INFO:    Removing oci-sif cache entry: $entry"
	[ ! -e "cache/cache/oci-sif/$entry" ]
	singularity -q pull b.sif oci:tiny
	echo Y >answer
	split singularity cache clean <answer
	is "$status" 0
	is "$(find cache/cache -type f ! -name locks)" ""
}

@test "cache clean while pulls run breaks none of them" {
	make_big 3
	for i in $(seq 4); do
		singularity -q pull "p$i.sif" oci:big &
		pids+=($!)
	done
	for _ in $(seq 10); do singularity -q cache clean -f; done
	for pid in "${pids[@]}"; do wait "$pid"; done
	is "$(find . -maxdepth 1 -name 'p*.sif' | wc -l)" 4
	for i in 1 2 3 4; do singularity sif list "p$i.sif" >/dev/null; done
}
