"""What is spoken on each side of a proxy in a scenario. Pure data."""

from dataclasses import dataclass
from enum import Enum


class Tls(Enum):
    NONE = "plaintext"
    SERVER = "TLS"  # only the server shows a certificate
    MUTUAL = "mutual TLS"


class Http(Enum):
    OWN = "each proxy's own choice"  # what it does between TLS ends when its configuration says nothing
    ONE = "HTTP/1.1"
    TWO = "HTTP/2"


@dataclass(frozen=True)
class Leg:
    tls: Tls = Tls.NONE
    http: Http = Http.ONE


@dataclass(frozen=True)
class Wires:
    down: Leg = Leg()
    up: Leg = Leg()
    outbound: bool = False  # the proxy stands beside the caller

    def may_be_relayed(self):
        """Whether a byte relay, or no proxy at all, does the same."""
        return self.down == self.up and self.down.tls is Tls.NONE


PLAIN = Wires()
TLS = Wires(down=Leg(Tls.SERVER))
MUTUAL = Wires(down=Leg(Tls.MUTUAL))
H2 = Wires(down=Leg(http=Http.TWO))
H2H2 = Wires(down=Leg(http=Http.TWO), up=Leg(http=Http.TWO))


def mesh(http):
    """The wires of the two proxies between an application and another: (the caller's, the called one's)."""
    between = Leg(Tls.MUTUAL, http)
    return Wires(up=between, outbound=True), Wires(down=between)
