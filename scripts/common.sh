# Shared by ./run, ./test and ./bench: finds the tools, installs what is missing, says what it does. Source it.

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "needs root to run: $* (install sudo, or run that as root once)"; fi
}

# Installs the Debian packages among "$@" that are not there.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "Installing Debian packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# To build: the compiler's libraries, protoc, Node; nasm for OpenH264, which is slow without.
BUILD_PACKAGES=(build-essential ca-certificates clang cmake curl libaom-dev libavcodec-dev libavfilter-dev libavformat-dev
  libavutil-dev libclang-dev libgstreamer-plugins-base1.0-dev libgstreamer1.0-dev libopus-dev libpixman-1-dev libpulse-dev libswscale-dev
  libx264-dev nasm libxkbcommon-dev pkg-config protobuf-compiler)
# To run a session: display, sound, sandbox.
RUN_PACKAGES=(bubblewrap libgl1-mesa-dri pulseaudio x11-xkb-utils xkb-data xvfb xwayland)
# To test in a browser and to measure.
TEST_PACKAGES=(chromium faketime ffmpeg iproute2 libffmpeg-nvenc-dev nats-server postgresql procps pulseaudio-utils systemd)
# Encoders behind GStreamer that need no hardware.
GSTREAMER_PACKAGES=(gstreamer1.0-plugins-bad gstreamer1.0-plugins-base gstreamer1.0-plugins-ugly)
REACH_PACKAGES=(coturn iproute2 nftables)

title_packages() { cat titles/*/packages.txt 2>/dev/null | sed 's/#.*//' | xargs -r -n1 echo | sort -u; }

need_rust() {
  export PATH="$HOME/.cargo/bin:$PATH"
  command -v cargo >/dev/null && return
  say "Installing Rust (rustup, toolchain of rust-toolchain.toml)"
  curl -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
}

# Vite and Playwright want Node 20; Debian 12 has 18, whose npm brings a newer one as a package.
NODE_MAJOR_MIN=20

need_node() {
  local tools="${XDG_CACHE_HOME:-$HOME/.cache}/firstlight/node"
  if [ -x "$tools/node_modules/.bin/node" ]; then export PATH="$tools/node_modules/.bin:$PATH"; fi
  command -v npm >/dev/null || need_packages nodejs npm
  [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge "$NODE_MAJOR_MIN" ] && return
  say "Installing Node $NODE_MAJOR_MIN (npm package 'node') into $tools"
  npm install --prefix "$tools" --no-audit --no-fund --loglevel=error --foreground-scripts "node@$NODE_MAJOR_MIN"
  export PATH="$tools/node_modules/.bin:$PATH"
  [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge "$NODE_MAJOR_MIN" ] ||
    die "Node $NODE_MAJOR_MIN or newer is needed, found $(node --version): put a newer one first in PATH"
}

# promtool alone: Debian's package for it brings a Prometheus that starts.
need_promtool() {
  local tools="${XDG_CACHE_HOME:-$HOME/.cache}/firstlight/promtool" fetched
  export PATH="$PATH:$tools/usr/bin"
  command -v promtool >/dev/null && return
  say "Fetching promtool (of Debian's package prometheus) into $tools"
  fetched=$(mktemp -d)
  chmod 755 "$fetched"
  mkdir -p "$tools"
  (cd "$fetched" && { apt-get download -qq prometheus || { as_root apt-get update -q && apt-get download -qq prometheus; }; }) 2>/dev/null
  dpkg-deb --fsys-tarfile "$fetched"/prometheus_*.deb | tar -x -C "$tools" ./usr/bin/promtool
  rm -rf "$fetched"
}

target_dir() { echo "${CARGO_TARGET_DIR:-$PWD/target}"; }

# Runs npm install where package-lock.json is newer than what is there.
npm_install() {
  local dir=$1
  if [ ! -f "$dir/node_modules/.stamp" ] || [ "$dir/package-lock.json" -nt "$dir/node_modules/.stamp" ]; then
    say "Installing npm packages of $dir"
    (cd "$dir" && npm ci --no-audit --no-fund --loglevel=error)
    touch "$dir/node_modules/.stamp"
  fi
}

# Where nothing has changed it is left as it is: a new one is built into the engine anew, which takes minutes.
build_client() {
  npm_install client-web
  local built=client-web/dist/saves.html
  if [ -f "$built" ] && [ -z "$(find client-web transport/wire \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print -quit)" ]; then return; fi
  say "Building the browser client"
  (cd client-web && npm run --silent build)
}

build_engine() {
  say "Building the engine (the first time takes minutes)"
  cargo build --release --locked -p firstlight -p firstlight-probe
  scripts/stage-titles release
}
