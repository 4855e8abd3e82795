# shellcheck shell=bash
# What the scripts share; sourced, never run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '==> %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# A shell older than the Rust installation does not have it on its path yet.
if ! have cargo && [[ -x ${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo ]]; then PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"; fi

# Where cargo puts its results, as an absolute path: CARGO_TARGET_DIR and cargo's own configuration both count.
target_dir() {
    cargo metadata --format-version 1 --no-deps --offline | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

need_cargo() {
    have cargo || die "Rust is missing: install the stable toolchain with rustup, then run this again."
}

need_rust() {
    need_cargo
    have cc || die "A C compiler is missing: install build-essential (or your system's equivalent)."
}

# Node fetched by scripts/setup where the system's is too old.
node_home() { printf '%s/node\n' "$(target_dir)"; }
