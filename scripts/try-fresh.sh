#!/usr/bin/env bash
# Tries the README's promise on a bare Debian: a chroot that has only Rust and git.
set -euo pipefail

usage() {
    cat <<EOF
Usage: scripts/try-fresh.sh [options] [COMMAND...]

Makes a Debian chroot with debootstrap, lends it this machine's Rust toolchain, clones the last
commit of this repository into it and runs each COMMAND in the clone, with the time it takes.
Without COMMAND: the README's two. Stops at the first that fails and exits with its code.

  --dir DIR      build the chroot in DIR, which must be empty or absent (default: a temporary folder)
  --keep         leave the chroot for a look around
  --suite NAME   Debian release (default: bookworm)
  --mirror URL   package mirror (default: the one that apt uses here for that release, else debootstrap's)
  --user KIND    who runs the commands: root (default), sudo (a new user who may use sudo) or
                 plain (a new user who may not)
  --help         this text

Needs root, debootstrap and a toolchain installed by rustup. Proxies, CARGO_* and SSL_CERT_* variables,
cargo's configuration and this machine's own CA certificates are passed on.
EOF
}

fail() {
    printf 'try-fresh: %s\n' "$*" >&2
    exit 2
}

dir='' keep=false suite=bookworm mirror='' user=root
while [[ $# -gt 0 ]]; do
    case $1 in
        --dir | --suite | --mirror | --user)
            [[ $# -ge 2 ]] || fail "$1 needs a value"
            declare "${1#--}=$2"
            shift 2
            ;;
        --keep) keep=true && shift ;;
        -h | --help) usage && exit 0 ;;
        --) shift && break ;;
        -*) fail "unknown option '$1'; see --help" ;;
        *) break ;;
    esac
done
commands=("$@")
[[ ${#commands[@]} -gt 0 ]] || commands=('scripts/setup.sh && cargo run --release -- demo' 'cargo test')

case $user in root | sudo | plain) ;; *) fail "unknown user kind '$user': root, sudo or plain" ;; esac
[[ $(id -u) -eq 0 ]] || fail 'a chroot needs root: run it with sudo'
for tool in debootstrap unshare git rustc cargo; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
repository=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$(cd "$repository" && rustc --print sysroot)
[[ $toolchain != /usr ]] || fail "the toolchain in $toolchain is part of the system: install one with rustup"
[[ -z $(git -C "$repository" status --porcelain) ]] || printf 'try-fresh: changes not committed are left out\n' >&2

if [[ -z $dir ]]; then
    root=$(mktemp -d)
else
    mkdir -p "$dir"
    root=$(cd "$dir" && pwd)
    [[ -z $(ls -A "$root") ]] || fail "$root is not empty"
fi
# Mounts live in a namespace that ends with the commands, so nothing but files is left here.
cleanup() {
    rm -f "$root.log"
    if $keep; then printf 'try-fresh: kept %s\n' "$root"; else rm -rf --one-file-system "$root"; fi
}
trap cleanup EXIT
chmod 755 "$root"

# Lines "URI RELEASE COMPONENT" of the sources that apt uses here for this release.
sources=$(apt-get indextargets --format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '$2 == suite || index($2, suite "-") == 1' | sort -u) || sources=''
[[ -n $mirror ]] || mirror=$(awk -v suite="$suite" '$2 == suite { print $1; exit }' <<<"$sources")

SECONDS=0
packages=git
[[ $user != sudo ]] || packages=git,sudo
printf '== debootstrap %s\n' "$suite"
debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2 && fail "debootstrap failed; with --keep its log stays in $root/debootstrap"; }
[[ -z $sources ]] || awk '{ print "deb", $0 }' <<<"$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(https?|ftp|Check-[A-Za-z-]+)(::| )' >"$root/etc/apt/apt.conf.d/90host" || :
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/usr/local/share/ca-certificates"
cp -rL /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || :
# A fresh machine has no lists yet either.
rm -rf "$root"/var/lib/apt/lists/*

home=/root
if [[ $user != root ]]; then
    chroot "$root" useradd --create-home --shell /bin/bash fresh
    home=/home/fresh
    [[ $user != sudo ]] || printf 'fresh ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/fresh"
fi
# The documentation is half of a toolchain and builds nothing.
mkdir -p "$root/opt/rust" "$root$home/.cargo"
tar -C "$toolchain" --exclude=./share/doc -c . | tar -C "$root/opt/rust" -x
for file in config.toml config; do
    [[ ! -f ${CARGO_HOME:-$HOME/.cargo}/$file ]] || cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$root$home/.cargo/"
done
git clone --quiet --no-hardlinks "$repository" "$root$home/sterna"
[[ $user == root ]] || chroot "$root" chown -R fresh: "$home"
printf '   %s seconds\n' "$SECONDS"

# Names of variables that lead to the network; the rest of this environment stays outside.
variables=("HOME=$home" "PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "TERM=dumb" "LANG=C.UTF-8")
while IFS= read -r name; do
    case $name in
        CARGO_HOME | CARGO_TARGET_DIR | CARGO_BUILD_* | *_TOKEN) ;;
        CARGO_* | SSL_CERT_* | http_proxy | https_proxy | no_proxy | all_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | ALL_PROXY)
            variables+=("$name=${!name}")
            ;;
    esac
done < <(compgen -e)

for command in "${commands[@]}"; do
    printf '== %s\n' "$command"
    SECONDS=0
    code=0
    as=()
    [[ $user == root ]] || as=(setpriv --reuid=fresh --regid=fresh --init-groups)
    # The outer shell mounts, the inner one runs the command: both get what they need as arguments.
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child bash -euc '
        root=$1 home=$2 command=$3
        shift 3
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        exec chroot "$root" "$@" bash -c "cd $home/sterna || exit 1; $command"
    ' try-fresh "$root" "$home" "$command" "${as[@]}" env -i "${variables[@]}" || code=$?
    printf '   exit code %s, %s seconds\n' "$code" "$SECONDS"
    [[ $code -eq 0 ]] || exit "$code"
done
