#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""hostile_registry.py DIR: a registry that misbehaves in the way the repository's name asks for.

docker://HOST/SCENARIO/img:v1 names an image of two layers; scenarios are the methods whose names begin with "do_". Writes DIR/port (when
ready), DIR/storage-port (a second host, 127.0.0.2), DIR/log (one line a request: METHOD HOST PATH AUTHORIZATION RANGE), and with --tls
DIR/ca.pem and DIR/tls-port (made with openssl). It is a proxy too, who leads every tunnel to the TLS port, and turns the user "stranger" away.
"""
import argparse
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import re
import socket
import ssl
import subprocess
import tarfile
import threading
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def document(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Content:
    """The images that are served: blobs by digest, manifests by digest and by name."""

    def __init__(self):
        self.blobs = {}
        self.manifests = {}  # name or digest -> (media type, bytes)
        layers = [self.layer("base", 1500000), self.layer("top", 600000)]
        amd = self.image("amd64", layers, MANIFEST, CONFIG, LAYER)
        arm = self.image("arm64", layers[:1], MANIFEST, CONFIG, LAYER)
        docker = self.image("amd64", layers, DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        self.manifests["image"] = amd
        self.manifests["docker"] = docker
        self.manifests["index"] = self.index([(None, "unknown", "unknown", amd), (None, "linux", "arm64", arm),
                                              (None, "linux", "amd64", amd)])
        self.manifests["schema1"] = (SCHEMA1, document({"schemaVersion": 1, "name": "x", "fsLayers": []}))

    def put_blob(self, data):
        self.blobs[digest_of(data)] = data
        return digest_of(data), len(data)

    def layer(self, name, size):
        raw = io.BytesIO()
        data = random.Random(name).randbytes(size)
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        digest, size = self.put_blob(gzip.compress(raw.getvalue(), 1, mtime=0))
        return digest, size, digest_of(raw.getvalue())

    def image(self, arch, layers, manifest_type, config_type, layer_type):
        config = document({"architecture": arch, "os": "linux", "config": {},
                           "rootfs": {"type": "layers", "diff_ids": [diff_id for _, _, diff_id in layers]}})
        digest, size = self.put_blob(config)
        manifest = document({"schemaVersion": 2, "mediaType": manifest_type,
                             "config": {"mediaType": config_type, "digest": digest, "size": size},
                             "layers": [{"mediaType": layer_type, "digest": d, "size": n} for d, n, _ in layers]})
        self.manifests[digest_of(manifest)] = (manifest_type, manifest)
        return manifest_type, manifest

    def index(self, entries):
        return INDEX, document({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": media_type, "digest": digest_of(data), "size": len(data),
             "platform": {"os": os_name, "architecture": arch}} for _, os_name, arch, (media_type, data) in entries]})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    content = Content()
    lock = threading.Lock()
    counts = {}
    log = None
    ports = {}
    ping = None  # the challenge of the ping
    login = "Basic " + base64.b64encode(b"user:secret").decode()

    stranger = "Basic " + base64.b64encode(b"stranger:hidden").decode()  # to the proxy

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_CONNECT(self):
        """A tunnel: bytes both ways until either side ends."""
        self.note()
        if self.turned_away():
            return
        self.close_connection = True
        with socket.create_connection(("127.0.0.1", self.ports["tls"])) as server:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self.pump, args=(server, self.connection))
            back.start()
            self.pump(self.connection, server)
            back.join()

    def turned_away(self):
        stranger = self.headers.get("Proxy-Authorization") == self.stranger
        if stranger:
            self.reply(407, b"", Proxy_Authenticate="Basic realm=x")
        return stranger

    @staticmethod
    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def do_GET(self):
        self.note()
        try:
            self.route()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def note(self):
        with self.lock:
            self.log.write(" ".join([self.command, self.headers.get("Host", "-"), self.path,
                                     (self.headers.get("Authorization") or "-").replace(" ", "_"),
                                     self.headers.get("Range") or "-"]) + "\n")
            self.log.flush()

    def route(self):
        if self.path.startswith("http://"):  # we are somebody's proxy
            if self.turned_away():
                return None
            self.path = "/" + self.path.split("/", 3)[3]
        if self.path.startswith("/token"):
            ok = self.headers.get("Authorization") in (None, self.login)
            return self.reply(200 if ok else 401, document({"token": "the-token", "expires_in": 300}))
        if self.path.startswith("/storage/"):
            return self.send_blob(self.path.split("/")[2].split("?")[0])
        if self.path == "/v2/":
            return self.unauthorized(self.ping) if self.ping else self.reply(200, b"{}")
        found = re.fullmatch(r"/v2/([a-z0-9-]+)/img/(manifests|blobs)/(.+)", self.path)
        if not found:
            return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")
        scenario, kind, name = found.groups()
        return getattr(self, "do_" + scenario.replace("-", "_"), self.do_plain)(kind, name)

    def nth(self, what):
        """How often this was asked before."""
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1
            return self.counts[what] - 1

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, **headers):
        self.reply(status, document({"errors": [{"code": code, "message": message}]}), **headers)

    def send_manifest(self, name, tag="image"):
        media_type, data = self.content.manifests.get(name if name.startswith("sha256:") else tag, (None, None))
        if data is None:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return self.reply(200, data, Content_Type=media_type, Docker_Content_Digest=digest_of(data))

    def is_layer(self, name):
        return len(self.content.blobs.get(name, b"")) > 10000

    def send_blob(self, name, stop_at=None):
        data = self.content.blobs.get(name)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(start.group(1)) if start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[first:stop_at])
        if stop_at is not None:
            self.close_connection = True
        return None

    def do_plain(self, kind, name):
        return self.send_manifest(name) if kind == "manifests" else self.send_blob(name)

    # Authentication

    def unauthorized(self, scheme):
        port = self.server.server_address[1]
        challenges = {"bearer": f'Bearer realm="http://127.0.0.1:{port}/token",service="s"', "basic": 'Basic realm="r"'}
        self.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenges[scheme])

    def do_bearer(self, kind, name):
        if self.headers.get("Authorization") != "Bearer the-token":
            return self.unauthorized("bearer")
        return self.do_plain(kind, name)

    def do_basic(self, kind, name):
        if self.headers.get("Authorization") != self.login:
            return self.unauthorized("basic")
        return self.do_plain(kind, name)

    def do_crosshost(self, kind, name):
        if kind == "manifests":
            return self.send_manifest(name)
        return self.reply(307, Location=f"http://127.0.0.2:{self.ports['storage']}/storage/{name}?signature=hidden")

    def do_elsewhere(self, kind, name):
        if kind == "manifests":
            return self.send_manifest(name)
        return self.reply(307, Location=f"https://registry.invalid/storage/{name}?signature=hidden")

    def do_downgrade(self, kind, name):
        if kind == "manifests":
            return self.send_manifest(name)
        return self.reply(307, Location=f"http://127.0.0.1:{self.ports['plain']}/storage/{name}?signature=hidden")

    # Trouble that passes

    def do_limited(self, kind, name):
        if kind == "manifests" and self.nth("limited") == 0:
            return self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        return self.do_plain(kind, name)

    def do_flaky(self, kind, name):
        if kind == "blobs" and self.nth(name) == 0:
            return self.reply(500, b"<html><head><title>Oops</title></head></html>")
        return self.do_plain(kind, name)

    def do_cut(self, kind, name):
        if kind == "blobs" and self.is_layer(name) and self.nth("cut" + name) == 0:
            return self.send_blob(name, stop_at=len(self.content.blobs[name]) // 2)
        return self.do_plain(kind, name)

    def do_dripping(self, kind, name):
        if kind == "manifests" or not self.is_layer(name):
            return self.do_plain(kind, name)
        data = self.content.blobs[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for start in range(0, len(data), len(data) // 100):
            self.wfile.write(data[start:start + len(data) // 100])
            time.sleep(0.1)
        return None

    # Trouble that stays

    def do_patience(self, kind, name):
        return self.error(429, "TOOMANYREQUESTS", "come back tomorrow", Retry_After="3600")

    def do_wrong(self, kind, name):
        if kind == "blobs" and self.is_layer(name):
            data = bytearray(self.content.blobs[name])
            data[len(data) // 2] ^= 1
            return self.reply(200, bytes(data))
        return self.do_plain(kind, name)

    def do_wrongdigest(self, kind, name):
        return self.reply(200, b"{}", Content_Type=MANIFEST, Docker_Content_Digest="sha256:" + 64 * "1")

    def do_length(self, kind, name):
        if kind == "blobs" and self.is_layer(name):
            return self.reply(200, b"x" * 77)
        return self.do_plain(kind, name)

    def endless(self, first, piece):
        self.send_response(200)
        self.send_header("Content-Type", MANIFEST)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(first)
            for _ in range(20000):
                self.wfile.write(piece)

    def do_endless(self, kind, name):
        if kind == "blobs" and self.is_layer(name):
            return self.endless(self.content.blobs[name], bytes(65536))
        return self.do_plain(kind, name)

    def do_endlessmanifest(self, kind, name):
        return self.endless(b"", b" " * 65536)

    def do_loop(self, kind, name):
        return self.reply(302, Location=self.path)

    def do_ansi(self, kind, name):
        return self.error(404, "MANIFEST_UNKNOWN", "\x1b[2J\x07gone")

    def do_schema1(self, kind, name):
        return self.send_manifest(name, "schema1")

    # Other kinds of images

    def do_index(self, kind, name):
        return self.send_manifest(name, "index") if kind == "manifests" else self.send_blob(name)

    def do_docker(self, kind, name):
        return self.send_manifest(name, "docker") if kind == "manifests" else self.send_blob(name)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # clients that hang up, and TLS greetings on the plain port


def certificate(directory, wants_client):
    pem = os.path.join(directory, "server.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:registry.invalid", "-keyout", pem + ".key", "-out", os.path.join(directory, "ca.pem")],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "ca.pem"), pem + ".key")
    if wants_client:  # one that our own certificate signed: itself
        context.load_verify_locations(os.path.join(directory, "ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--client-cert", action="store_true", help="with --tls: clients must show DIR/ca.pem (key: DIR/server.pem.key)")
    parser.add_argument("--ping", choices=("bearer", "basic"), help="answer the ping with 401 and this challenge")
    args = parser.parse_args()
    Handler.ping = args.ping
    Handler.log = open(os.path.join(args.directory, "log"), "w", encoding="utf-8")
    servers = {"port": Server(("127.0.0.1", 0), Handler), "storage-port": Server(("127.0.0.2", 0), Handler)}
    if args.tls:
        servers["tls-port"] = Server(("127.0.0.1", 0), Handler)
        context = certificate(args.directory, args.client_cert)
        servers["tls-port"].socket = context.wrap_socket(servers["tls-port"].socket, server_side=True,
                                                         do_handshake_on_connect=False)
    Handler.ports = {name.removesuffix("-port") if name != "port" else "plain": s.server_address[1] for name, s in servers.items()}
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    for name, server in reversed(list(servers.items())):  # "port" last: it says that all are ready
        with open(os.path.join(args.directory, name + ".part"), "w", encoding="utf-8") as out:
            out.write(str(server.server_address[1]))
        os.rename(os.path.join(args.directory, name + ".part"), os.path.join(args.directory, name))
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
