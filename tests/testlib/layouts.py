# SPDX-License-Identifier: BSD-3-Clause
"""OCI layouts for tests: reading a layer out of one, making layers, writing a layout from a configuration and layers."""
import gzip
import hashlib
import io
import json
import pathlib
import tarfile

TIME = 1700000000


def _blob(layout, digest):
    return (pathlib.Path(layout) / "blobs" / digest.replace(":", "/")).read_bytes()


def layer_of(layout, index=0):
    """The plain tar of one layer of a layout with one image."""
    top = json.loads((pathlib.Path(layout) / "index.json").read_text())
    manifest = json.loads(_blob(layout, top["manifests"][0]["digest"]))
    data = _blob(layout, manifest["layers"][index]["digest"])
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def layer(entries):
    """A plain tar; an entry is (name, type, dict of fields) with type one of file dir link hardlink char block fifo."""
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE,
             "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, fields in entries:
            info = tarfile.TarInfo(name)
            info.type = kinds[kind]
            info.mtime = fields.get("mtime", TIME)
            info.mode = fields.get("mode", 0o755 if kind == "dir" else 0o644)
            info.uid, info.gid = fields.get("uid", 0), fields.get("gid", 0)
            info.linkname = fields.get("target", "")
            info.devmajor, info.devminor = fields.get("device", (0, 0))
            info.pax_headers = fields.get("pax", {})
            data = fields.get("data", b"")
            info.size = len(data) if kind == "file" else 0
            tar.addfile(info, io.BytesIO(data) if data else None)
    return out.getvalue()


PASSWD = b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/bin/false\ntestuser:x:2000:2001:Test:/home/testuser:/bin/sh\n"
GROUP = b"root:x:0:\nwww:x:33:\ntestgroup0:x:2003:\nstaff2:x:2002:testuser\n"


def extra_layers(name):
    """Layers that the image configurations of the fixtures want on top of busybox, by the name of the configuration."""
    if name.startswith("user"):
        return [layer([("etc/passwd", "file", {"data": PASSWD}), ("etc/group", "file", {"data": GROUP}),
                       ("home/testuser", "dir", {"uid": 2000, "gid": 2001, "mode": 0o2755}),
                       ("home/testuser/owned", "file", {"uid": 2000, "gid": 2001, "data": b"owned\n"})])]
    if name == "nopasswd":
        return [layer([("etc/.wh.passwd", "file", {}), ("etc/.wh.group", "file", {})])]
    if name == "vartmp":
        return [layer([("var/.wh.tmp", "file", {})]), layer([("var/tmp", "link", {"target": "/tmp", "mode": 0o777})])]
    if name == "multi":
        return [layer([("mnt/two", "file", {}), ("two", "file", {})]), layer([("mnt/.wh.two", "file", {}), ("three", "file", {})])]
    return []


def write(path, config, layers, compress=True, annotations=None):
    """Write a layout with one image; diff_ids and history of @config are made to fit @layers. Returns the manifest's digest."""
    root = pathlib.Path(path)
    (root / "blobs" / "sha256").mkdir(parents=True)

    def add(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (root / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    config = dict(config)
    config["rootfs"] = {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in layers]}
    config["history"] = [{"created": "2023-11-14T22:13:20Z", "created_by": f"layer {i}"} for i in range(len(layers))]
    kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if compress else "")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": add(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [add(gzip.compress(tar, 6, mtime=0) if compress else tar, kind) for tar in layers]}
    entry = add(json.dumps(manifest).encode(), manifest["mediaType"])
    if annotations:
        entry["annotations"] = annotations
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return entry["digest"]
