#!/usr/bin/env bash
# uv 0.13.9: `--link-mode clone` makes hard links on file systems without reflinks (ext4, tmpfs), and says so only with `--verbose`.
# One expects copies as a fallback, because a clone promises that a change of one environment's file stays in that environment.
# What happens: the environments and uv's cache share inodes, so an edit in one environment is in all others, later ones as well.
# Instead: pass `--link-mode copy` where environments must be independent and reflinks aren't certain.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile uv==0.13.9

clone() { # SOURCE TARGET, with the options of GNU's and macOS's cp
  cp --reflink=always "$1" "$2" 2>/dev/null || cp -c "$1" "$2" 2>/dev/null
}

if clone "$folder/venv/pyvenv.cfg" "$folder/clone"; then
  echo "The file system of $folder has reflinks, so this can't be shown here: set TMPDIR to a folder on one without." >&2
  exit 2
fi

install_cloned() { # ENVIRONMENT
  python3 -m venv --without-pip "$folder/$1"
  "$folder/venv/bin/uv" --quiet --no-config --cache-dir "$folder/cache" \
    pip install --link-mode clone --python "$folder/$1/bin/python" iniconfig==2.3.0
}

find_module() { # ENVIRONMENT
  find "$folder/$1/" -path '*/iniconfig/__init__.py'
}

install_cloned first
echo "# an edit in the first environment" >>"$(find_module first)"
install_cloned second

if ! [ "$(find_module first)" -ef "$(find_module second)" ]; then
  echo "The behaviour changed: two environments made with --link-mode clone have files of their own." >&2
  exit 1
fi
echo "two environments share an inode; the second one's module ends with: $(tail -n 1 "$(find_module second)")"
