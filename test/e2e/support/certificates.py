"""Certificates for tests, made with the openssl program: a CA, and leaves that it signed."""

import os
import subprocess

SERVER = "DNS:localhost,IP:127.0.0.1,URI:spiffe://example.org/app"  # of whoever listens on this machine


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """A CA of its own in `folder`. Files are PEM."""

    def __init__(self, folder, name="ca"):
        self.folder = str(folder)
        self.name = name
        self.key = self.path(f"{name}.key")
        self.certificate = self.path(f"{name}.pem")
        make_key(self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "2", "-out", self.certificate,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.folder, name)

    def leaf(self, name, sans, usage="serverAuth,clientAuth", days=1):
        """Its certificate and key, as the configuration's `tls` takes them."""
        key, request, extensions, certificate = (self.path(f"{name}.{kind}") for kind in ("key", "csr", "ext", "pem"))
        make_key(key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={sans}\nextendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-extfile", extensions, "-out", certificate)
        return {"certificate": certificate, "key": key}


def make_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
