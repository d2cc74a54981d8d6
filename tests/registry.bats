#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# docker:// against a real registry (distribution) and one that misbehaves, both on loopback (transports.md 2, 3, 9.2 to 9.7).

load testlib/helpers

setup_case()
{
	export SINGULARITY_AUTHFILE=/dev/null HOME=$dir
	unset DOCKER_USERNAME DOCKER_PASSWORD DOCKER_AUTH_CONFIG HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy \
		SSL_CERT_FILE SSL_CERT_DIR
	servers=
}

teardown_case()
{
	local pid

	for pid in $servers; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# Waits up to ten seconds until a command succeeds.
eventually()
{
	local i

	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "never: $*" >&2
	return 1
}

# hostile [--tls]: $host is a registry that misbehaves, its log in $dir/log
hostile()
{
	require python3
	"$testlib/hostile_registry.py" "$dir" "$@" >&2 3>&- &
	servers="$servers $!"
	eventually test -e "$dir/port"
	host=127.0.0.1:$(cat "$dir/port")
}

# distribution [LINES OF auth...]: $host is a real registry
distribution()
{
	local port

	require docker-registry skopeo
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$dir/registry.yml" <<-END
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $dir/registry}}
		http: {addr: "127.0.0.1:$port"}
		$*
	END
	docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 3>&- &
	servers="$servers $!"
	host=127.0.0.1:$port
	eventually python3 -c "import socket; socket.create_connection(('127.0.0.1', $port)).close()"
}

# push_image [OPTIONS of skopeo...]: a small image of two layers as $host/some/image:v1
push_image()
{
	"$testlib/mkimage" "$dir/layout" --file some/file=text
	skopeo --insecure-policy copy -q --dest-tls-verify=false "$@" "oci:$dir/layout:latest" "docker://$host/some/image:v1"
}

pull()
{
	split "$singularity" pull --force "$@"
}

# fails TEXT: the last pull ended as it should, with one FATAL line that has this in it
fails()
{
	is "$status" 255
	is "$out" ""
	is "$(grep -c '^FATAL: ' <<<"$err")" 1
	has "$(grep '^FATAL: ' <<<"$err")" "$1"
	[ ! -e out.sif ]
	is "$(find "$dir/cache" -name '*.part' -o -name 'tmp_*')" ""
}

# same_layer FILE FILE: two images have the same root file system; the rest differs in the time of the conversion
same_layer()
{
	"$singularity" sif dump 1 "$1" >"$dir/one"
	"$singularity" sif dump 1 "$2" >"$dir/two"
	cmp "$dir/one" "$dir/two"
}

# asked PATTERN: how many requests match an extended regular expression
asked()
{
	grep -cE "$1" "$dir/log" || true
}

@test "an image is pulled from a registry, then found in the cache" {
	distribution
	push_image
	pull out.sif "docker://$host/some/image:v1"
	is "$status" 0
	is "$out" ""
	is "$(sed -E 's/[0-9a-f]{10,}/HEX/' <<<"$err")" "$(sed 's/__$/  /' <<-'END'
		Getting image source signatures
		Copying blob HEX done__
		Copying blob HEX done__
		Copying config HEX done__
		Writing manifest to image destination
		INFO:    Converting OCI image to OCI-SIF format
		INFO:    Squashing image to single layer
		INFO:    Writing OCI-SIF image
		INFO:    Cleaning up.
	END
	)"
	pull again.sif "docker://$host/some/image:v1"
	is "$status" 0
	is "$err" "INFO:    Using cached OCI-SIF image"
	cmp out.sif again.sif
}

@test "docker media types, digests and a cache that is off give the same root file system" {
	distribution
	push_image --format v2s2
	local digest
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$host/some/image:v1")
	pull out.sif "docker://$host/some/image:v1"
	is "$status" 0
	pull --disable-cache digest.sif "docker://$host/some/image:other@$digest"
	is "$status" 0
	same_layer out.sif digest.sif
}

@test "what is not there is said as the reference says it" {
	distribution
	pull out.sif "docker://$host/nope:v1"
	local url=http://$host/v2/nope/manifests/v1
	is "$status" 255
	is "$err" "$(cat <<-END
		WARNING: Couldn't use cached digest for registry: HEAD $url: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)
		WARNING: Falling back to direct digest.
		FATAL:   While making image from oci registry: error fetching image: failed to get digest for docker://$host/nope:v1: GET $url: MANIFEST_UNKNOWN: manifest unknown; map[Tag:v1]
	END
	)"
}

@test "eight pulls at once ask for each blob once" {
	hostile
	local i pids=
	for i in 1 2 3 4 5 6 7 8; do
		"$singularity" pull "$i.sif" "docker://$host/plain/img:v1" >"$i.out" 2>&1 3>&- &
		pids="$pids $!"
	done
	for i in $pids; do
		wait "$i"
	done
	for i in 2 3 4 5 6 7 8; do
		cmp 1.sif "$i.sif"
	done
	is "$(asked '^GET .*/blobs/')" 3
	is "$(asked '^GET .*/manifests/')" 1
}

@test "a hit costs a ping and a HEAD, a miss one GET a document" {
	hostile
	pull out.sif "docker://$host/index/img:v1"
	is "$status" 0
	is "$(asked '^GET .*/manifests/')" 2
	is "$(asked '^HEAD .*/manifests/')" 1
	is "$(asked '^GET .*/v2/ ')" 1
	local before
	before=$(wc -l <"$dir/log")
	pull out.sif "docker://$host/index/img:v1"
	has "$err" "Using cached OCI-SIF image"
	is "$(($(wc -l <"$dir/log") - before))" 2
}

@test "the platform is chosen, and nothing else is downloaded" {
	hostile
	pull --arch arm64 out.sif "docker://$host/index/img:v1"
	is "$status" 0
	is "$(asked '^GET .*/blobs/')" 2
	rm out.sif
	pull --platform linux/s390x out.sif "docker://$host/index/img:v1"
	fails "no image satisfies requested platform: linux/s390x"
	has "$err" "linux/arm64, linux/amd64"
	pull --arch s390x out.sif "docker://$host/plain/img:v1"
	fails "error fetching image: image (linux/amd64) does not satisfy required platform (linux/s390x)"
}

@test "bearer tokens: anonymous, with a password, and refused" {
	hostile --ping bearer
	pull out.sif "docker://$host/bearer/img:v1"
	is "$status" 0
	is "$(asked '/token')" 1
	has "$(grep /token "$dir/log")" "/token?service=s&scope=repository%3Abearer%2Fimg%3Apull - -"
	rm -rf cache/* out.sif
	pull --docker-username user --docker-password secret out.sif "docker://$host/bearer/img:v1"
	is "$status" 0
	# The password goes to the token service alone, the token to the registry.
	is "$(asked 'Basic_')" 1
	has "$(grep Basic_ "$dir/log")" /token
	rm -rf cache/* out.sif
	pull --docker-username user --docker-password wrong out.sif "docker://$host/bearer/img:v1"
	fails "unexpected status code 401 Unauthorized"
	lacks "$err" wrong
}

@test "basic authentication: flags, environment, files, precedence" {
	hostile
	pull out.sif "docker://$host/basic/img:v1"
	fails "UNAUTHORIZED: authentication required"
	SINGULARITY_DOCKER_USERNAME=user SINGULARITY_DOCKER_PASSWORD=secret pull out.sif "docker://$host/basic/img:v1"
	is "$status" 0
	rm -rf cache/* out.sif
	DOCKER_USERNAME=user DOCKER_PASSWORD=secret pull out.sif "docker://$host/basic/img:v1"
	is "$status" 0
	rm -rf cache/* out.sif
	echo "{\"auths\":{\"$host\":{\"auth\":\"$(printf user:secret | base64)\"}}}" >auth.json
	pull --authfile auth.json out.sif "docker://$host/basic/img:v1"
	is "$status" 0
	rm -rf cache/* out.sif
	DOCKER_USERNAME=user DOCKER_PASSWORD=wrong pull --authfile auth.json out.sif "docker://$host/basic/img:v1"
	fails "UNAUTHORIZED: authentication required"
	mkdir -p "$dir/.docker"
	cp auth.json "$dir/.docker/config.json"
	SINGULARITY_AUTHFILE='' pull out.sif "docker://$host/basic/img:v1"
	is "$status" 0
	rm -rf cache/* out.sif
	pull --authfile none.json out.sif "docker://$host/basic/img:v1"
	fails "UNAUTHORIZED: authentication required"
	has "$err" "WARNING: Unable to find matching credentials in specified file (open none.json: no such file or directory); proceeding with anonymous authentication."
}

@test "a password file of distribution is honoured" {
	require perl
	perl -e 'print "e2e:", crypt("e2e", q($2b$05$abcdefghijklmnopqrstuu)), "\n"' >"$dir/htpasswd"
	distribution "auth: {htpasswd: {realm: basic-realm, path: $dir/htpasswd}}"
	push_image --dest-creds e2e:e2e
	pull out.sif "docker://$host/some/image:v1"
	fails "UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:some/image Type:repository]]"
	pull --docker-username e2e --docker-password e2e out.sif "docker://$host/some/image:v1"
	is "$status" 0
}

@test "credentials do not follow a redirect to another host (CVE-2022-23538)" {
	hostile
	pull --docker-username user --docker-password secret out.sif "docker://$host/crosshost/img:v1"
	is "$status" 0
	is "$(asked '127.0.0.2:.*/storage/')" 3
	is "$(asked '127.0.0.2:.*(Basic|Bearer)')" 0
}

@test "no secret is in the output of --debug" {
	hostile
	split "$singularity" --debug pull --docker-username user --docker-password secret out.sif "docker://$host/bearer/img:v1"
	is "$status" 0
	lacks "$err" secret
	lacks "$err" the-token
	lacks "$err" "$(printf user:secret | base64)"
	split "$singularity" --debug pull other.sif "docker://$host/crosshost/img:v1"
	is "$status" 0
	lacks "$err" hidden
}

@test "trouble that passes is waited out" {
	hostile
	local start=$SECONDS
	pull out.sif "docker://$host/limited/img:v1"
	is "$status" 0
	[ $((SECONDS - start)) -ge 1 ]
	rm -rf cache/*
	pull out.sif "docker://$host/flaky/img:v1"
	is "$status" 0
}

@test "a blob that breaks off is taken up where it broke" {
	hostile
	pull out.sif "docker://$host/cut/img:v1"
	is "$status" 0
	is "$(asked '/blobs/.* bytes=[0-9]+-$')" 2
	rm -rf cache/*
	pull whole.sif "docker://$host/plain/img:v1"
	same_layer out.sif whole.sif
}

@test "a registry that asks for an hour is not waited for" {
	hostile
	local start=$SECONDS
	pull out.sif "docker://$host/patience/img:v1"
	fails "TOOMANYREQUESTS: come back tomorrow"
	has "$err" "3600"
	[ $((SECONDS - start)) -lt 5 ]
}

@test "lies about blobs are found, and nothing of them is kept" {
	hostile
	pull out.sif "docker://$host/wrong/img:v1"
	fails "error verifying sha256 checksum after reading"
	is "$(find cache/cache/blob/blobs -type f -size +100k)" ""
	pull out.sif "docker://$host/length/img:v1"
	fails "Content-Length is 77, want"
	pull out.sif "docker://$host/endless/img:v1"
	fails "is larger than the"
	pull out.sif "docker://$host/wrongdigest/img:v1"
	fails "does not match Docker-Content-Digest"
	pull out.sif "docker://$host/endlessmanifest/img:v1"
	fails "answer is larger than"
}

@test "redirect loops, schema 1 and strange words end with one clear error" {
	hostile
	pull out.sif "docker://$host/loop/img:v1"
	fails "stopped after 10 redirects"
	pull out.sif "docker://$host/schema1/img:v1"
	fails "unsupported MediaType"
	has "$err" "docker schema 1 images are not supported"
	pull out.sif "docker://$host/ansi/img:v1"
	fails 'MANIFEST_UNKNOWN: \x1b[2J\x07gone'
	pull out.sif "docker://$host/docker/img:v1"
	is "$status" 0
}

@test "certificates are checked, with --no-https too" {
	require openssl
	hostile --tls
	local tls
	tls=127.0.0.1:$(cat "$dir/tls-port")
	pull out.sif "docker://$tls/plain/img:v1"
	fails "certificate"
	# Both ways were tried, and both reasons are given.
	has "$err" "Get \"https://$tls/v2/\""
	has "$err" "Get \"http://$tls/v2/\""
	pull --no-https out.sif "docker://$tls/plain/img:v1"
	fails "certificate"
	SSL_CERT_FILE=$dir/ca.pem pull out.sif "docker://$tls/plain/img:v1"
	is "$status" 0
	rm -rf cache/* out.sif
	SSL_CERT_FILE=$dir/ca.pem pull out.sif "docker://$tls/downgrade/img:v1"
	fails "would give up https"
	lacks "$err" hidden
}

@test "certificates of a registry's own stand in certs.d" {
	require openssl
	hostile --tls --client-cert
	local certs tls
	tls=127.0.0.1:$(cat "$dir/tls-port")
	certs=$HOME/.config/containers/certs.d/$tls
	mkdir -p "$certs"
	cp ca.pem "$certs/ca.crt"
	pull out.sif "docker://$tls/plain/img:v1"
	# The server's word of it may come after the connection broke.
	fails "Get \"https://$tls/v2/\": "
	lacks "$err" "certificate problem"
	# A client's certificate goes with its key.
	cp ca.pem "$certs/client.cert"
	pull out.sif "docker://$tls/plain/img:v1"
	fails "$certs/client.cert has no $certs/client.key beside it"
	cp server.pem.key "$certs/client.key"
	pull out.sif "docker://$tls/plain/img:v1"
	is "$status" 0
	rm -rf out.sif cache/*
	rm "$certs/client.cert"
	pull out.sif "docker://$tls/plain/img:v1"
	fails "$certs/client.key has no $certs/client.cert beside it"
	echo nonsense >"$certs/client.cert"
	pull out.sif "docker://$tls/plain/img:v1"
	fails "$certs/client.cert cannot be used: "
	rm "$certs"/client.*
	: >"$certs/ca.crt"
	pull out.sif "docker://$tls/plain/img:v1"
	fails "$certs/ca.crt cannot be used: "
	# They are for this host and port alone.
	mv "$certs" "${certs%:*}:1"
	cp ca.pem "${certs%:*}:1/ca.crt"
	pull out.sif "docker://$tls/plain/img:v1"
	fails "certificate"
}

@test "certs.d: the CA serves this registry alone, whatever else is asked in the same pull" {
	require openssl
	hostile --tls
	local tls
	tls=127.0.0.1:$(cat "$dir/tls-port")
	mkdir -p "$HOME/.config/containers/certs.d/$tls"
	cp ca.pem "$HOME/.config/containers/certs.d/$tls/ca.crt"
	pull out.sif "docker://$tls/plain/img:v1"
	is "$status" 0
	rm -rf out.sif cache/*
	# The layers come from the same server under another name, whose certificate nobody vouches for.
	HTTPS_PROXY=http://$host pull out.sif "docker://$tls/elsewhere/img:v1"
	fails "certificate"
	SSL_CERT_FILE=$dir/ca.pem HTTPS_PROXY=http://$host pull out.sif "docker://$tls/elsewhere/img:v1"
	is "$status" 0
}

@test "plain http with other hosts needs --no-https, and goes through the proxy of the environment" {
	hostile
	export HTTP_PROXY=http://name:hidden@$host
	pull out.sif docker://registry.invalid/plain/img:v1
	fails 'Get "https://registry.invalid/v2/": lookup registry.invalid: no such host'
	is "$(asked .)" 0
	pull --no-https out.sif docker://registry.invalid/plain/img:v1
	is "$status" 0
	is "$(asked '^GET registry.invalid http://registry.invalid/v2/')" 5
	rm -rf out.sif cache/*
	NO_PROXY=.invalid pull --no-https out.sif docker://registry.invalid/plain/img:v1
	fails 'Get "http://registry.invalid/v2/": lookup registry.invalid: no such host'
	HTTP_PROXY=http://name:hidden@127.0.0.1:9 pull --no-https out.sif docker://registry.invalid/plain/img:v1
	fails 'via proxy http://127.0.0.1:9'
	lacks "$err" hidden
	# Loopback is never proxied.
	HTTP_PROXY=http://127.0.0.1:9 pull out.sif "docker://$host/plain/img:v1"
	is "$status" 0
}

@test "https goes through the proxy in a tunnel" {
	require openssl
	hostile --tls
	export SSL_CERT_FILE=$dir/ca.pem HTTPS_PROXY=http://name:hidden@$host
	pull out.sif docker://registry.invalid/plain/img:v1
	is "$status" 0
	[ "$(asked '^CONNECT registry.invalid:443 registry.invalid:443')" -ge 1 ]
	is "$(asked '^GET registry.invalid /v2/plain/img/blobs/')" 3
	is "$(asked '^[A-Z]* .*http:')" 0
	rm -rf out.sif cache/*
	for exempt in registry.invalid .invalid registry.invalid:443; do
		NO_PROXY=$exempt pull out.sif docker://registry.invalid/plain/img:v1
		fails 'Get "https://registry.invalid/v2/": lookup registry.invalid: no such host'
	done
	NO_PROXY=registry.invalid:444,other.invalid pull out.sif docker://registry.invalid/plain/img:v1
	is "$status" 0
}

@test "a proxy that turns us away is named, without its password" {
	require openssl
	hostile --tls
	HTTPS_PROXY=http://stranger:hidden@$host pull out.sif docker://registry.invalid/plain/img:v1
	fails "via proxy http://$host: "
	has "$err" 407
	lacks "$err" hidden
	HTTP_PROXY=http://stranger:hidden@$host pull --no-https out.sif docker://registry.invalid/plain/img:v1
	fails "via proxy http://$host: "
	has "$err" 407
	lacks "$err" hidden
}

@test "connections that are refused name both attempts" {
	pull out.sif docker://127.0.0.1:9/xx:v1
	fails 'Get "https://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused; Get "http://127.0.0.1:9/v2/": dial tcp'
	pull out.sif docker://127.0.0.1:9/UPPER:v1
	fails "could not parse reference: 127.0.0.1:9/UPPER:v1"
}

@test "a pull that is ended leaves nothing behind" {
	hostile
	local signal
	for signal in TERM INT KILL; do
		env --default-signal=INT "$singularity" pull out.sif "docker://$host/dripping/img:v1" >/dev/null 2>&1 3>&- &
		local pid=$!
		eventually grep -q '^GET .*/dripping/img/blobs/' "$dir/log"
		kill -$signal "$pid"
		! wait "$pid"
		[ ! -e out.sif ]
		is "$(find . -name '.*.part')" ""
		is "$(find cache/cache/blob/blobs -type f -size +100k)" ""
		: >"$dir/log"
	done
}
