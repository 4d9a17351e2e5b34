#!/usr/bin/env bash
# Starts a demo application and remora beside it, sends real requests (also ones that fail), and shows what happened.
# Leaves nothing running. usage: demo.sh REMORA_BINARY; ./dev demo builds it first.
set -euo pipefail

readonly REMORA=$1
EXAMPLES=$(cd "$(dirname "$0")" && pwd)
readonly EXAMPLES
WORK=$(mktemp -d)
readonly WORK
STARTED=()

finish() {
  local status=$? pid
  # The newest first: remora before the application that it serves. Only what was started here is ended, by its id.
  for ((i = ${#STARTED[@]} - 1; i >= 0; --i)); do
    pid=${STARTED[i]}
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  if [[ $status -ne 0 && -e $WORK/remora.log ]]; then
    echo "--- the demo stopped; remora said:" >&2
    tail -n 20 "$WORK/remora.log" >&2
  fi
  rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Free ports, so that the demo also runs beside whatever uses the usual ones.
free_ports() {
  /usr/bin/python3 - "$1" <<'PYTHON'
import socket, sys

probes = [socket.socket() for _ in range(int(sys.argv[1]))]
for probe in probes:
    probe.bind(("127.0.0.1", 0))
print(*(probe.getsockname()[1] for probe in probes))
PYTHON
}

# wait_for URL: until it answers 200, at most 10 seconds.
wait_for() {
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    curl -fsS -o /dev/null "$1" 2>/dev/null && return
    sleep 0.05
  done
  echo "no answer from $1" >&2
  return 1
}

# show WORDS CURL-ARGUMENTS...: sends a request and prints the answer, indented.
show() {
  title "$1"
  shift
  printf '  $ curl'
  printf ' %q' "$@"
  printf '\n'
  curl -sS --max-time 10 "$@" 2>&1 | tr -d '\r' | sed 's/^/    /' || true
}

read -r IN OUT APP NOBODY ADMIN <<<"$(free_ports 5)"
readonly IN OUT APP NOBODY ADMIN

sed -e "s/:8080/:$IN/" -e "s/:4140/:$OUT/" -e "s/:3000/:$APP/" -e "s/:3999/:$NOBODY/" -e "s/:9901/:$ADMIN/" \
  "$EXAMPLES/demo.yaml" >"$WORK/demo.yaml"

title "The configuration (examples/demo.yaml, with free ports)"
grep -vE '^ *#|^$' "$WORK/demo.yaml" | sed 's/^/    /'

/usr/bin/python3 "$EXAMPLES/demo_app.py" "$APP" &
STARTED+=($!)
"$REMORA" run "$WORK/demo.yaml" >"$WORK/access.log" 2>"$WORK/remora.log" &
STARTED+=($!)
wait_for "http://127.0.0.1:$APP/"
wait_for "http://127.0.0.1:$ADMIN/ready"
title "remora runs beside the application: callers use :$IN, the application calls services through :$OUT"

show "A request through remora" -i "http://127.0.0.1:$IN/"
show "What the application received: remora added where the request came from, an id and a trace context" \
  "http://127.0.0.1:$IN/headers"
show "A streamed answer arrives as it is sent" -N "http://127.0.0.1:$IN/stream"
show "The application calls a service by its name" -H 'Host: orders' "http://127.0.0.1:$OUT/orders/42"
show "A route that redirects" -i -H 'Host: old-orders' "http://127.0.0.1:$OUT/orders/42"
show "No route: the failure says so itself" -i -H 'Host: invoices' "http://127.0.0.1:$OUT/"
show "A service that is down: whose fault it was, and where to look" -i -H 'Host: billing' "http://127.0.0.1:$OUT/due"
show "A service that takes longer than the route allows" -i -H 'Host: orders' "http://127.0.0.1:$OUT/slow"
title "An ambiguous request is refused, not repaired"
printf '  $ printf "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" | ...\n'
exec {raw}<>"/dev/tcp/127.0.0.1/$IN"
printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n' >&"$raw"
timeout 3 cat <&"$raw" | tr -d '\r' | sed 's/^/    /' || true
exec {raw}>&-

title "Which way would a request go, and why? (remora explain)"
"$REMORA" explain --config "$WORK/demo.yaml" GET "http://orders/orders/42" 2>&1 | sed 's/^/    /' || true

title "What remora remembers of the last exchanges (/recent)"
curl -sS "http://127.0.0.1:$ADMIN/recent?n=3" | sed 's/^/    /'

title "Metrics (an excerpt of /metrics)"
curl -sS "http://127.0.0.1:$ADMIN/metrics" | grep -E '^remora_(requests|snapshot|upstream_conn|downstream_conn)' |
  grep -v ' 0$' | sed 's/^/    /' || true

title "The access log"
sleep 1.2 # lines wait at most a second in the buffer
tail -n 3 "$WORK/access.log" | cut -c1-400 | sed 's/^/    /'

title "SIGTERM: remora drains and exits"
kill "${STARTED[1]}"
status=0
wait "${STARTED[1]}" || status=$?
unset 'STARTED[1]'
echo "    exit status $status"
[[ $status -eq 0 ]]
printf '\nNothing is left running. Try it with your own application: build/remora run --inbound 8080=3000\n'
