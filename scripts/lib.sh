# shellcheck shell=bash
# Sourced by the other scripts: where the checkout is, how they speak, how they find Python and Java.
# They speak on stderr: stdout belongs to what the user asked for.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
state=$venv/.setup
oldest_java=17

# An activated environment, another Spark or another project's modules have no say in what happens here.
PATH=${PATH//"$venv/bin:"/}
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH SPARK_HOME PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

stage() { # stage TEXT COMMAND…: says what it does and how long it took; shows the end of its output where it fails
  local text=$1 from=$SECONDS log status=0
  shift
  log=$(mktemp)
  printf '%s … ' "$text" >&2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" = 0 ]; then
    say "$((SECONDS - from)) s"
  else
    say "failed after $((SECONDS - from)) s"
    tail -n 15 "$log" >&2
  fi
  rm -f "$log"
  return "$status"
}

digest() { cat -- "$@" | cksum; } # digest FILE…: changes when one of them does

find_python() { # prints the first Python of at least 3.11
  local name
  for name in python3 python3.13 python3.12 python3.11 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

may_apt() { # whether this is root on Debian, Ubuntu or a child of theirs
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && grep -qsE '^ID(_LIKE)?=.*(debian|ubuntu)' "${OS_RELEASE:-/etc/os-release}"
}

apt_update() { DEBIAN_FRONTEND=noninteractive apt-get update; }
apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }

java_facts() { # java_facts JAVA: prints its major version and the home folder it sees; fails where it is no Java
  "$1" -XshowSettings:properties -version 2>&1 | awk -F ' = ' '
    $1 ~ /^ *java\.specification\.version$/ { version = $2 }
    $1 ~ /^ *user\.home$/ { home = $2 }
    END { sub(/^1\./, "", version); if (version == "") exit 1; print int(version), home }'
}

use_java() { # sets java_version and java_user_home, and JAVA_HOME where Spark would find another one; 1 if none is new enough
  local path_java candidate facts
  path_java=$(command -v java || true)
  java_found=""
  for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$path_java" "${JVM_FOLDER:-/usr/lib/jvm}"/*/bin/java; do
    [ -x "$candidate" ] && facts=$(java_facts "$candidate") || continue
    java_version=${facts%% *} java_user_home=${facts#* }
    if [ "$java_version" -ge "$oldest_java" ]; then
      case $candidate in
        "${JAVA_HOME:-/none}/bin/java") ;;
        "$path_java") unset JAVA_HOME ;;
        *) JAVA_HOME=${candidate%/bin/java} && export JAVA_HOME ;;
      esac
      return 0
    fi
    java_found="${java_found:-$candidate is Java $java_version}"
  done
  return 1
}

delta_excludes() { # what Spark ships already (Hadoop, Parquet, Jackson, …) and is not fetched again
  echo "org.apache.hadoop:hadoop-client-api org.apache.hadoop:hadoop-client-runtime
    org.apache.parquet:parquet-hadoop com.fasterxml.jackson.core:jackson-databind
    com.fasterxml.jackson.datatype:jackson-datatype-jdk8 org.roaringbitmap:RoaringBitmap
    org.apache.logging.log4j:log4j-slf4j2-impl org.apache.logging.log4j:log4j-core org.apache.logging.log4j:log4j-api
    org.locationtech.jts:jts-core" | tr -s ' \n' ',' | sed 's/,$//'
}

enter() { # sets up where that is needed, then makes this shell the activated environment, in the root of the checkout
  "$root/scripts/setup"
  use_java
  cd "$root"
  # shellcheck disable=SC1091
  . "$venv/bin/activate"
}
