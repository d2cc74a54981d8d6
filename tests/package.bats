#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The Debian package: builds, installs into a copy of this system's root that is thrown away, and runs there.

load testlib/helpers

# A writable layer over the host's root, in a mount namespace of its own. Runs in it: install.sh of the test's directory.
in_throwaway_root()
{
	mkdir layer
	unshare --mount sh -euc '
		mount --make-rprivate /
		mount -t tmpfs -o size=200m layer "$1/layer"
		mkdir "$1/layer/upper" "$1/layer/work" "$1/layer/root"
		mount -t overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" overlay "$1/layer/root"
		cd "$1/layer/root"
		for dir in /proc /sys /dev /tmp; do mount --rbind "$dir" ".$dir"; done
		mkdir -p old-root
		pivot_root . old-root
		cd /
		umount -l /old-root
		exec sh -eu "$1/install.sh"' sh "$dir"
}

@test "the package builds, installs, runs a container as user and as root, and is removed" {
	require_root
	require dpkg-buildpackage dh git
	mkdir source
	git -C "$source" ls-files -z | tar -C "$source" --null -T - -cf - | tar -C source -xf -
	(cd source && DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b -d) >build.log 2>&1 || { tail -30 build.log; return 1; }
	package=$(echo "$dir"/singularity-c_*.deb)
	"$testlib/mkimage" "$dir/layout"
	cat >install.sh <<EOF
cd $dir
dpkg -i --force-depends $package >dpkg.log 2>&1 || { cat dpkg.log; exit 1; }
unset SINGULARITY_CACHEDIR
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ "\$(command -v singularity)" = /usr/bin/singularity ]
singularity version
singularity -q pull --disable-cache image.oci.sif oci:layout:latest
singularity exec image.oci.sif id -u
setpriv --reuid=$user --regid=$user --init-groups -- env HOME=$user_home singularity exec image.oci.sif id -u
man -w singularity-exec >/dev/null 2>&1 || [ -s /usr/share/man/man1/singularity-exec.1.gz ]
[ -d /var/lib/singularity/mnt/session ]
dpkg -P singularity-c >>dpkg.log 2>&1
[ ! -e /usr/bin/singularity ]
[ ! -e /etc/singularity/singularity.conf ]
EOF
	is "$(in_throwaway_root)" "4.5.1"$'\n'0$'\n'"$(id -u "$user")"
}
