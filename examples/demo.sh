#!/bin/sh
# Defines the example tasks in a new embedded database, performs one real tick and shows what it did.
set -eu
cd "$(dirname "$0")/.."
rm -rf .demo
mkdir .demo

show() {
  printf '\n$ periodic-cron'
  printf ' %s' "$@"
  printf '\n'
}

periodic_cron() {
  show "$@"
  node bin/periodic-cron.js --config examples/periodic-cron.yaml "$@"
}

periodic_cron add greet --module command -o 'command=echo good morning' --every 5m --run-immediately --order 1
periodic_cron add disk --module disk_space -o min_free_mib=1 --cron '*/15 * * * *' --run-immediately --order 2
periodic_cron add heartbeat --module heartbeat -o path=.demo/heartbeat.json --every 1m --run-immediately --order 3

periodic_cron run_scheduled
periodic_cron list
periodic_cron history
