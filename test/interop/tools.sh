#!/bin/sh
# librabbitmq's command line tools: publish, consume with prefetch, take the dead letter. They know neither confirms,
# which client.c does, nor queue arguments: a policy says where dead letters go.
set -eu
phase=$1 port=$2 queue=$3
url="amqp://guest:guest@127.0.0.1:$port"
if [ "$phase" = publish ]; then
  for q in "$queue" "$queue.dead"; do amqp-declare-queue -u "$url" -d -q "$q"; done
  i=0
  while [ $i -lt 21 ]; do
    printf '%s' "$i" | amqp-publish -u "$url" -r "$queue" -p
    i=$((i + 1))
  done
  node ../../bin/leveret.js set_policy --data-dir "$DATA_DIR" "$queue" "^$queue\$" \
    '{"max-length": 20, "dead-letter-exchange": "", "dead-letter-routing-key": "'"$queue.dead"'"}'
else
  seen=$(amqp-consume -u "$url" -q "$queue" -c 20 -p 5 -- sh -c 'cat; echo')
  expected=$(seq 1 20)
  [ "$seen" = "$expected" ] || { echo "got: $seen" >&2; exit 1; }
  letter=$(amqp-get -u "$url" -q "$queue.dead")
  [ "$letter" = 0 ] || { echo "dead letter: $letter" >&2; exit 1; }
  # Code 2 is amqp-get's "nothing there".
  for q in "$queue" "$queue.dead"; do
    code=0
    amqp-get -u "$url" -q "$q" || code=$?
    [ "$code" = 2 ] || { echo "$q is not empty: $code" >&2; exit 1; }
    amqp-delete-queue -u "$url" -q "$q" > /dev/null
  done
fi
