"""Shows, before anything is measured, that a proxy speaks what the scenario says: a figure for something else is worse
than none. Each check raises SystemExit with what was found."""

import ssl

import certificates
import talk
from wires import Http, Leg, Tls


def check(proxy, options):
    """Of a Running or a Mesh."""
    files = certificates.of(options.build)
    called = getattr(proxy, "called", None)
    if called:
        check_between(proxy, called, files)
    elif proxy.wires.down.tls is not Tls.NONE:
        check_tls(proxy, proxy.wires.down, files)


def check_tls(proxy, leg, files):
    """TLS 1.3 alone, never resumed, no plaintext, and no client without a certificate where one is asked for."""
    with talk.connect_and_get(proxy.port, leg, files) as first:
        expect(proxy, first.version() == "TLSv1.3", f"speaks {first.version()}")
        if leg.http is Http.TWO:
            expect(proxy, first.selected_alpn_protocol() == "h2", f"chose {first.selected_alpn_protocol()} by ALPN")
        session = first.session
    with talk.connect_and_get(proxy.port, leg, files, session) as second:
        expect(proxy, not second.session_reused, "resumed a session: its handshakes wouldn't be full ones")
    expect(proxy, not answers(proxy.port, Leg(Tls.NONE, leg.http), files), "answers without TLS")
    if leg.tls is Tls.MUTUAL:
        expect(proxy, not answers(proxy.port, Leg(Tls.SERVER, leg.http), files), "answers without a certificate")


def check_between(mesh, called, files):
    """The called proxy wants a certificate and speaks what is meant; that the caller's got a 200 through it shows the
    rest: it has shown a certificate, and speaks the one protocol that the other takes."""
    leg = called.wires.down
    check_tls(mesh.called, leg if leg.http is not Http.OWN else Leg(leg.tls, Http.ONE), files)


def answers(port, leg, files):
    try:
        talk.connect_and_get(port, leg, files).close()
    except (OSError, ssl.SSLError):
        return False
    return True


def expect(proxy, holds, otherwise):
    if not holds:
        raise SystemExit(f"{proxy.name} {otherwise}")
