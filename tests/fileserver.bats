#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The file server on real mounts, through tests/testlib/fsmount, without a container around it.

load testlib/helpers

setup_case()
{
	[ -w /dev/fuse ] || skip "/dev/fuse is not usable"
	find_built fsmount
	cp "$built" "$dir/fsmount"
	mkdir -m 777 "$dir/m"
	cp "$BATS_TEST_DIRNAME"/fixtures/squash/*.sqfs "$dir/"
}

# serve [OPTIONS] IMAGE... -- COMMAND...: as the ordinary user, and the server must end well
serve()
{
	as_user timeout -k 5 60 "$dir/fsmount" -s -m "$dir/m" "$@"
}

# tree MKSQUASHFS-OPTIONS...: $dir/tree with files of many sizes, packed as $dir/image
tree()
{
	local i

	require mksquashfs
	if [ ! -d "$dir/tree" ]; then
		mkdir -p "$dir/tree/small" "$dir/tree/a/b/c"
		head -c 3000000 /dev/urandom > "$dir/tree/random"
		yes 'a line of text that packs well' | head -c 5000001 > "$dir/tree/text"
		{ head -c 1048576 /dev/zero; head -c 70000 /dev/urandom; head -c 3000000 /dev/zero; echo end; } > "$dir/tree/holes"
		for i in $(seq 1 200); do head -c $((i * 37)) "$dir/tree/random" > "$dir/tree/small/$i"; done
		ln "$dir/tree/small/7" "$dir/tree/a/b/c/hard"
		ln -s ../../small/9 "$dir/tree/a/b/link"
		chmod -R a+rX "$dir/tree"
	fi
	rm -f "$dir/image"
	mksquashfs "$dir/tree" "$dir/image" -noappend -no-progress -quiet "$@" > /dev/null
	chmod 644 "$dir/image"
}

@test "a user reads every codec and block size as it was written" {
	local codec

	for codec in gzip lzo lz4 xz zstd; do
		tree -comp "$codec" -b 4K
		serve image -- diff -r --no-dereference 0 "$dir/tree"
	done
	tree -comp zstd -b 1M -always-use-fragments
	serve image -- diff -r --no-dereference 0 "$dir/tree"
	tree -noI -noD -noF -no-fragments
	serve -o image -- diff -r --no-dereference . "$dir/tree"
}

@test "images in the middle of a file" {
	tree -comp zstd
	{ head -c 12345 /dev/zero; cat image; } > shifted
	serve -O 12345 shifted -- diff -r --no-dereference 0 "$dir/tree"
}

@test "many readers at once see the same bytes" {
	tree -comp gzip -b 64K
	serve image -- sh -c '
		for i in 1 2 3 4 5 6 7 8; do
			( cat 0/random 0/text 0/holes 0/small/* | sha256sum > '"$dir"'/m/sum$i ) &
		done
		wait
		cat '"$dir"'/m/sum? | sort -u | wc -l | grep -qx 1
		cd '"$dir"'/tree && cat random text holes small/* | sha256sum | cmp - '"$dir"'/m/sum1'
}

@test "reads at random places, plain and mapped" {
	require python3
	tree -comp zstd -b 128K
	serve image -- python3 -c '
import mmap, random
for name in "random", "text", "holes":
    want = open("'"$dir"'/tree/" + name, "rb").read()
    f = open("0/" + name, "rb", buffering=0)
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    rng = random.Random(5)
    for i in range(2000):
        at, n = rng.randrange(len(want)), rng.randrange(1, 9000)
        if i % 2:
            f.seek(at)
            assert f.read(n) == want[at:at + n][:n] or len(want) - at < n
        else:
            assert m[at:at + n] == want[at:at + n]
    assert m[:] == want
'
}

@test "owners and links" {
	run serve zstd.sqfs -- sh -c 'stat -c "%n %F %h %a %s" 0/hello 0/dir/hard 0/fifo 0/dir/link; [ 0/hello -ef 0/dir/hard ]; cat 0/absolute 2>&1'
	is "$output" "0/hello regular file 2 4755 6
0/dir/hard regular file 2 4755 6
0/fifo fifo 1 644 0
0/dir/link symbolic link 1 777 8
cat: 0/absolute: No such file or directory"
}

@test "a stack of layers: whiteouts and opaque directories hold for a user" {
	require_root # to make them
	mkdir -p l0/gone l0/opaque l1/opaque
	touch l0/gone/file l0/opaque/below l0/stays l1/opaque/above
	mknod l1/gone c 0 0
	setfattr -n trusted.overlay.opaque -v y l1/opaque || skip "no trusted attributes here"
	mksquashfs l0 0.sqfs -quiet -no-progress > /dev/null
	mksquashfs l1 1.sqfs -quiet -no-progress > /dev/null
	run serve -o 0.sqfs 1.sqfs -- find . -type f
	is "$(sort <<< "$output")" "./opaque/above
./stays"
}

@test "a directory of the image can be removed through the overlay" {
	directories_can_go || skip "tmpfs has no user attributes on this kernel"
	run serve -o zstd.sqfs -- sh -c 'rm -r many dir && [ ! -e dir ] && mkdir dir && ls -A dir && echo fine'
	is "$output" fine
}

@test "the server holds neither the caller's streams nor other descriptors" {
	require_root # to look at it from within its own mount
	run timeout 60 ./fsmount -s -m m zstd.sqfs -- sh -c \
		'ls -l /proc/$(pgrep -n -P $PPID -x singularity-fs)/fd | sed -n "s/:\[.*//; s/.* -> //p" | sort | tr "\n" " "' \
		5< /etc/passwd 9< /etc/group 40< /etc/hosts
	# The socket is the one that tells the monitor when the server dies.
	is "$output" "/dev/fuse /dev/null /dev/null /dev/null $dir/zstd.sqfs socket "
}

@test "the server cannot gain rights and is filtered" {
	run serve zstd.sqfs -- sh -c 'grep -E "^(NoNewPrivs|Seccomp):" /proc/$(pgrep -n -P $PPID -x singularity-fs)/status | tr -d "\t" | tr "\n" " "'
	is "$output" "NoNewPrivs:1 Seccomp:2 "
}

@test "an idle server gives its memory back" {
	require_root # to look at it from within its own mount
	tree -comp zstd
	run timeout 60 ./fsmount -s -m m image -- sh -c 'cat 0/* 0/small/* > /dev/null 2>&1; sleep 5
		awk "/^Pss:/ { print (\$2 < 3072) ? \"small\" : \$2; }" /proc/$(pgrep -n -P $PPID -x singularity-fs)/smaps_rollup'
	is "$output" small
}

@test "damage costs the file it is in" {
	tree -comp zstd -b 128K
	cp image damaged
	# The first data block belongs to the first file that was packed: whichever that is, all others are whole.
	printf 'damagedamagedamage' | dd of=damaged bs=1 seek=200 conv=notrunc status=none
	chmod 644 damaged
	run serve damaged -- sh -c 'diff -rq --no-dereference 0 '"$dir"'/tree 2>&1 | wc -l; ls 0/small | wc -l'
	is "$output" "1
200"
}

@test "an image that is no image is refused before anything is mounted" {
	echo 'no image' > junk
	run serve junk -- true
	[ "$status" -eq 126 ]
	has "$output" "layer 0"
}
