#!/usr/bin/env bash
# Makes AWS-LC's static libraries once a machine and prints the folder they are in (lib/, include/). Called by ./dev,
# which has installed the compilers. What cargo fetches is only an archive of sources: nothing of Rust is compiled.
set -euo pipefail

readonly CRATE=aws-lc-sys CRATE_VERSION=0.47.0  # holds AWS-LC 5.12.0
readonly SHA256=8bfbe32ac36b3c428696ce315464181bc4029d689fd58e3f2a4e58c252242f52
readonly FLAGS='-O2 -ffunction-sections -fdata-sections -fno-omit-frame-pointer -Wno-error'
readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/remora

main() {
  local key folder
  key=$(printf '%s\n' "$SHA256" "$FLAGS" "$(clang-19 --version | head -n 1)" | sha256sum | cut -c1-12)
  folder=$CACHE/aws-lc-5.12.0-$key
  if [[ ! -e $folder/complete ]]; then
    mkdir -p "$CACHE"
    # Two clones that build at once: the second waits, and finds it done.
    exec 9>"$CACHE/aws-lc.lock"
    flock 9
    [[ -e $folder/complete ]] || make_in "$folder"
  fi
  printf '%s\n' "$folder"
}

make_in() {
  local folder=$1 archive=$CACHE/$CRATE-$CRATE_VERSION.crate work
  work=$(mktemp -d "$CACHE/work.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$work'" EXIT
  if ! is_ours "$archive"; then
    obtain "$work" "$archive.new"
    is_ours "$archive.new" || die "the archive $CRATE $CRATE_VERSION isn't the one that was measured (sha256 $SHA256)"
    mv "$archive.new" "$archive"
  fi
  say "building AWS-LC, once for this machine (a minute or two)"
  tar -xzf "$archive" -C "$work"
  quietly "$work/log" cmake -S "$work/$CRATE-$CRATE_VERSION/aws-lc" -B "$work/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_C_FLAGS="$FLAGS" -DCMAKE_CXX_FLAGS="$FLAGS" -DCMAKE_ASM_COMPILER=clang-19 \
    -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG \
    -DCMAKE_INSTALL_PREFIX="$work/made" -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF \
    -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON -DBUILD_LIBSSL=ON
  quietly "$work/log" ninja -C "$work/build" crypto ssl
  quietly "$work/log" cmake --install "$work/build"
  touch "$work/made/complete"
  rm -rf "$folder"
  mv "$work/made" "$folder"
}

is_ours() { [[ -e $1 ]] && printf '%s  %s\n' "$SHA256" "$1" | sha256sum --check --status; }

# Debian's own cargo is too old to ask the registry, and installing cargo-web would put out cargo and rustup: when no
# cargo here works, the one of cargo-web is unpacked and used, never installed.
obtain() {
  local work=$1 to=$2
  mkdir -p "$work/ask/src"
  printf '[package]\nname = "ask"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' \
    "$CRATE" "$CRATE_VERSION" >"$work/ask/Cargo.toml"
  touch "$work/ask/src/lib.rs"
  if command -v cargo >/dev/null && ask_with "$work" cargo "${CARGO_HOME:-$HOME/.cargo}" "$to"; then return; fi
  say "no cargo here can fetch $CRATE: unpacking the one of the Debian package cargo-web"
  quietly "$work/log" env -C "$work" apt-get download -q cargo-web
  dpkg -x "$work"/cargo-web_*.deb "$work/cargo-web"
  ask_with "$work" "$work/cargo-web/usr/bin/cargo" "$work/cargo-home" "$to" ||
    { cat "$work/log" >&2 && die "cargo could not fetch $CRATE $CRATE_VERSION (is there a network?)"; }
}

ask_with() {
  local work=$1 cargo=$2 home=$3 to=$4 found
  (cd "$work/ask" && CARGO_HOME=$home "$cargo" vendor "$work/vendored") >"$work/log" 2>&1 || return 1
  for found in "$home"/registry/cache/*/"$CRATE-$CRATE_VERSION.crate"; do
    if is_ours "$found"; then
      cp "$found" "$to"
      return
    fi
  done
  echo "no archive of $CRATE with the right checksum in $home" >>"$work/log"
  return 1
}

quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2 && die "failed: $1"; }
}

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

main
