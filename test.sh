#!/usr/bin/env bash
# Everything that must hold, in one command: installs what is missing, checks the format, builds, runs every test.
# ./test.sh [FILTER]    FILTER as in `dotnet test --filter`, for example Requirement=C17
# The last line is the verdict: "N passed, N failed", with "N skipped" if any were.
set -u
cd -- "$(dirname -- "${BASH_SOURCE[0]}")" || exit 1
exec </dev/null
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en MSBUILDTERMINALLOGGER=off MSBUILDDISABLENODEREUSE=1 HOME="${HOME:-$(echo ~)}"
filter=${1-}

step() { printf '\n== %s\n' "$*"; }
give_up() { printf 'test.sh: %s\n' "$*" >&2; echo "0 passed, 1 failed"; exit 1; }

# The tests drive real processes with these. Each line: a command, and the Debian package that has it.
prepare() {
  local command package missing=()
  while read -r command package; do
    type -P "$command" >/dev/null || missing+=("$package")
  done <<'TOOLS'
git git
ps procps
perl perl-base
script bsdutils
setsid util-linux
mount mount
TOOLS
  if ((${#missing[@]})); then
    step "installing ${missing[*]}"
    ((EUID == 0)) || give_up "missing: ${missing[*]}. Run as root once, or install them: apt-get install ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}" || give_up "could not install ${missing[*]}"
  fi
  type -P dotnet >/dev/null || give_up "the .NET 10 SDK is missing (on Debian: the package dotnet-sdk-10.0, see https://learn.microsoft.com/dotnet/core/install/linux-debian)"
}

# Adds a project's counts to the sums; a run that broke off counts as a failure even if no test said so.
test_project() {
  local project=$1 results=artifacts/tests/${1##*/}.trx status counters n_passed n_failed n_total
  step "testing $project"
  rm -f -- "$results"
  # The hosts that the tests kill leave orphans by the thousand; somebody must reap them.
  dotnet exec tests/Outlast.FaultWorker/bin/Release/net10.0/Outlast.FaultWorker.dll reap -- dotnet test "$project" -c Release --no-build --nologo -v quiet --results-directory artifacts/tests \
    --logger "console;verbosity=${VERBOSITY:-minimal}" --logger "trx;LogFileName=${project##*/}.trx" \
    --blame-hang-timeout 15m --blame-hang-dump-type none ${filter:+--filter "$filter"}
  status=$?
  counters=$(grep -o '<Counters [^>]*>' "$results" 2>/dev/null)
  count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"${counters:- $1=\"0\"}"; }
  n_total=$(count total) n_passed=$(count passed) n_failed=$(($(count failed) + $(count error) + $(count timeout) + $(count aborted)))
  if ((status != 0 && n_failed == 0)); then
    echo "test.sh: the run of $project broke off (exit code $status)" >&2
    n_failed=1
  fi
  ((passed += n_passed, failed += n_failed, skipped += n_total > n_passed + n_failed ? n_total - n_passed - n_failed : 0))
}

prepare

step "restoring"
dotnet restore Outlast.slnx --disable-build-servers -v quiet || give_up "restore failed"

step "checking the format"
dotnet format whitespace Outlast.slnx --no-restore --verify-no-changes -v quiet || give_up "badly formatted (see above); dotnet format whitespace puts it right"

step "building"
dotnet build Outlast.slnx -c Release --no-restore --disable-build-servers -v quiet -nologo || give_up "the build failed"

passed=0 failed=0 skipped=0
test_project tests/Outlast.Tests
test_project tests/Outlast.IntegrationTests

if ((passed + failed == 0)); then
  echo "test.sh: no test ran${filter:+: nothing matches '$filter'}" >&2
  failed=1
fi
echo
if ((skipped)); then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
((failed == 0))
