"""A registry of images on this machine, with one image in it that has nothing but an environment: what the SDK builds images on, where there is no network.

    registry.py FILE [NAME=VALUE]...

Writes its address into the file, and goes on until it is ended.
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile

blobs = {}


def add(content):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return digest


archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    tar.addfile(tarfile.TarInfo("etc"))
layer = gzip.compress(archive.getvalue(), mtime=0)
config = json.dumps({
    "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin:/bin"] + sys.argv[2:]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(archive.getvalue()).hexdigest()]}, "history": [{"created_by": "tests"}],
}).encode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
manifest = json.dumps({
    "schemaVersion": 2, "mediaType": MANIFEST,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": add(config), "size": len(config)},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": add(layer), "size": len(layer)}],
}).encode()
add(manifest)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, name = self.path.rstrip("/").split("/")[-2:]
        if kind == "manifests":
            body, media = manifest, MANIFEST
        else:
            body, media = blobs.get(name, b"{}"), "application/octet-stream"
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that has what it wanted closes the connection


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"localhost:{server.server_port}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
