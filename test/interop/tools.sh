#!/bin/sh
# librabbitmq's command line tools: publish and consume. They know neither confirms nor queue arguments.
set -eu
phase=$1 port=$2 queue=$3
url="amqp://guest:guest@127.0.0.1:$port"
if [ "$phase" = publish ]; then
  amqp-declare-queue -u "$url" -d -q "$queue"
  i=0
  while [ $i -lt 20 ]; do
    printf '%s' "$i" | amqp-publish -u "$url" -r "$queue" -p
    i=$((i + 1))
  done
else
  seen=$(amqp-consume -u "$url" -q "$queue" -c 20 -p 5 -- sh -c 'cat; echo')
  expected=$(seq 0 19)
  [ "$seen" = "$expected" ] || { echo "got: $seen" >&2; exit 1; }
  # Code 2 is amqp-get's "nothing there".
  code=0
  amqp-get -u "$url" -q "$queue" || code=$?
  [ "$code" = 2 ] || { echo "the queue is not empty: $code" >&2; exit 1; }
  amqp-delete-queue -u "$url" -q "$queue" > /dev/null
fi
