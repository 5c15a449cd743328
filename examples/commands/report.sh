#!/bin/sh
# A command that reports its progress and a result, and asks not to be run again when nothing is left to do:
#   periodic-cron add squeeze --module command -o argv='["/path/to/report.sh", "/var/spool/reports"]' --every 1h
folder=${1:?expected a folder}

# Without periodic-cron there is nobody to report to.
[ -n "$PERIODIC_CRON_REPORT" ] || exec 3>/dev/null

set -- "$folder"/*.txt
if [ ! -e "$1" ]; then
  echo '{"stop": "no file is left"}' >&3
  exit 0
fi

total=$#
done=0
for file; do
  gzip "$file" || exit 1
  done=$((done + 1))
  echo "{\"progress\": {\"done\": $done, \"total\": $total}}" >&3
done
echo "{\"result\": {\"files\": $done}}" >&3
