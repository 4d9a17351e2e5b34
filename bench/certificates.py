"""The certificates of one run: a P-256 authority, and one P-256 leaf that servers and clients share. Made by the
openssl program into the bench's folder; they are worth nothing outside it."""

import os
import subprocess
from dataclasses import dataclass

SERVER_NAME = "app.bench"
IDENTITY = "spiffe://bench.test/ns/default/sa/app"

EXTENSIONS = f"""basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = critical, URI:{IDENTITY}, DNS:{SERVER_NAME}, IP:127.0.0.1
"""

# One cipher and one group for every server: the libraries prefer different ones, and the difference would be measured.
CLIENT_CONFIG = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files, and of the settings that the clients take from OPENSSL_CONF."""

    folder: str

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def authority(self):
        return self.path("ca.pem")

    @property
    def chain(self):
        return self.path("cert.pem")

    @property
    def key(self):
        return self.path("key.pem")

    @property
    def chain_and_key(self):
        return self.path("both.pem")

    @property
    def client_config(self):
        return self.path("openssl.cnf")


def of(build):
    return Certificates(os.path.join(build, "bench", "certificates"))


def make(build):
    files = of(build)
    os.makedirs(files.folder, exist_ok=True)
    write(files.path("leaf.ext"), EXTENSIONS)
    write(files.client_config, CLIENT_CONFIG)
    authority_key, request = files.path("ca.key"), files.path("leaf.csr")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    signing = ["-CA", files.authority, "-CAkey", authority_key, "-CAcreateserial", "-extfile", files.path("leaf.ext")]
    own = ["-keyout", authority_key, "-out", files.authority, "-days", "30", "-subj", "/CN=bench"]
    openssl("req", "-x509", *new_key, *own)
    openssl("req", *new_key, "-keyout", files.key, "-out", request, "-subj", "/O=bench")
    openssl("x509", "-req", "-in", request, *signing, "-days", "30", "-out", files.chain)
    write(files.chain_and_key, read(files.chain) + read(files.key))
    return files


def openssl(*arguments):
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"openssl {arguments[0]} failed: {result.stderr.strip()}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
