#!/usr/bin/env bash
# The Debian packages that the tests with real servers need: an sshd, login shells, a container runtime, PostgreSQL,
# a browser, FFmpeg's programs, Blender. Installs what is missing, as root.
set -euo pipefail
declare -A packages=(
  [/usr/sbin/sshd]=openssh-server [/usr/bin/zsh]=zsh [/usr/bin/tcsh]=tcsh [/usr/bin/fish]=fish [/usr/bin/ksh]=ksh
  [/usr/bin/podman]=podman [/usr/sbin/runc]=runc
  [/usr/share/postgresql-common/pg_wrapper]=postgresql [/usr/bin/chromium]=chromium [/usr/bin/ffmpeg]=ffmpeg
  [/usr/bin/blender]=blender
)
missing=()
for part in "${!packages[@]}"; do
  [ -x "$part" ] || missing+=("${packages[$part]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}; install them (apt install ${missing[*]}) and run this again" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
