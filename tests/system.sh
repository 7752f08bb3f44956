#!/usr/bin/env bash
# What the tests need beyond Python packages: a Chromium, a Chinese font. As root on Debian or Ubuntu it is
# installed; elsewhere this says precisely what is missing, and the tests that need it skip (in CI they fail).
set -u
missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
    || [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || missing+=(chromium)
fc-list :lang=zh 2>/dev/null | grep -q . || [ "$(uname)" = Darwin ] || missing+=(fonts-noto-cjk)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}") >"$log" 2>&1; then
        echo "installed: ${missing[*]}"
        exit 0
    fi
    echo "could not install ${missing[*]}:" >&2
    tail -n 5 "$log" >&2
fi
echo "missing for the browser tests: ${missing[*]} (Debian or Ubuntu: sudo apt-get install ${missing[*]})" >&2
[ -z "${CI:-}" ]
