"""Shows, before anything is measured, that a proxy speaks what the scenario says: a figure for something else is worse
than none. Each check raises SystemExit with what was found."""

import sys

import certificates
import talk
import wires
from running import Running
from wires import Http, Leg, Tls
from witness import Witness

FEW = 0.01  # share of answers that may be errors before a scenario is ended: a busy machine makes wrk time out


def check(proxy, options):
    """Of a Running or a Mesh."""
    files = certificates.of(options.build)
    if proxy.inside is not None:
        check_between(proxy, files, options)
    elif proxy.wires.down.tls is not Tls.NONE:
        check_tls(proxy, proxy.wires.down, files)


def check_tls(proxy, leg, files):
    """TLS 1.3 alone, never resumed, no plaintext, and no client without a certificate where one is asked for."""
    with talk.connect_and_get(proxy.port, leg, files) as first:
        expect(proxy, first.version() == "TLSv1.3", f"speaks {first.version()}")
        session = first.session
    with talk.connect_and_get(proxy.port, leg, files, session) as second:
        expect(proxy, not second.session_reused, "resumed a session: its handshakes wouldn't be full ones")
    expect(proxy, not answers(proxy.port, Leg(Tls.NONE, leg.http), files), "answers without TLS")
    if leg.tls is Tls.MUTUAL:
        expect(proxy, not answers(proxy.port, Leg(Tls.SERVER, leg.http), files), "answers without a certificate")


def check_between(mesh, files, options):
    """The called proxy takes nobody without TLS and a certificate, so a caller's proxy that gets a 200 has shown one.
    What another caller's proxy offers by ALPN, seen on its way, and what the called one chooses of it tell their HTTP.
    """
    down = mesh.called.wires.down
    check_tls(mesh.called, Leg(down.tls, Http.ONE if down.http is Http.OWN else down.http), files)
    with Witness(mesh.called.port) as witness:
        with Running(mesh.name, witness, options, wires.mesh(mesh.inside)[0], "-witnessed"):
            offered = witness.offered()
    with talk.connect(mesh.called.port, Leg(down.tls), files, alpn=offered) as connection:
        chosen = connection.selected_alpn_protocol()
    spoken = Http.TWO if chosen == "h2" else Http.ONE
    if mesh.inside is Http.OWN:
        print(f"{mesh.name} speaks {spoken.value} to itself", file=sys.stderr)
    else:
        expect(mesh, spoken is mesh.inside, f"speaks {spoken.value} to itself (offers {offered}, chooses {chosen})")


def check_closes(proxy, options):
    """One request a connection, when it asks for that: then each request of the load has a handshake."""
    with talk.connect(proxy.port, proxy.wires.down, certificates.of(options.build)) as connection:
        talk.get_h1(connection, "Connection: close\r\n")
        expect(proxy, talk.is_ended(connection), "keeps a connection that the client wants closed")


def check_answers(proxy, got):
    expect(proxy, got.done > 0, "answered nothing")
    expect(proxy, got.errors <= FEW * got.done, f"gave {got.errors} errors to {got.done} answers")


def check_open(proxy, connections):
    ended = sum(talk.is_hung_up(connection) for connection in connections)
    expect(proxy, not ended, f"closed {ended} of {len(connections)} connections that should wait")


def answers(port, leg, files):
    try:
        talk.connect_and_get(port, leg, files).close()
    except OSError:  # that of TLS is one, too
        return False
    return True


def expect(proxy, holds, otherwise):
    if not holds:
        raise SystemExit(f"{proxy.name} {otherwise}")
