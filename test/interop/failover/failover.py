"""pika: a producer and a consumer that connect anew, to the next node, whenever their connection ends."""
import sys
import threading
import time

import pika

ports, queue, count = [int(p) for p in sys.argv[1].split(",")], sys.argv[2], int(sys.argv[3])
nodes = [pika.ConnectionParameters("127.0.0.1", p, heartbeat=10) for p in ports]
seen = set()


def forever(work):
    """Each time with a connection to the first node that answers."""
    while len(seen) < count:
        try:
            connection = pika.BlockingConnection(nodes)
            work(connection, connection.channel())
        except (pika.exceptions.AMQPError, OSError):
            nodes.append(nodes.pop(0))
            time.sleep(0.1)


confirmed = 0


def produce(connection, channel):
    global confirmed
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    while confirmed < count:
        # Returns once it is confirmed; what is not comes again with the next connection.
        channel.basic_publish("", queue, str(confirmed), pika.BasicProperties(delivery_mode=2))
        confirmed += 1
        connection.sleep(0.005)
    while len(seen) < count:
        connection.sleep(0.05)


def consume(connection, channel):
    channel.queue_declare(queue, durable=True)
    channel.basic_qos(prefetch_count=20)
    for method, _, body in channel.consume(queue, inactivity_timeout=0.2):
        if method is not None:
            seen.add(int(body))
            channel.basic_ack(method.delivery_tag)
            print(len(seen), flush=True)
        if len(seen) == count:
            return


threads = [threading.Thread(target=forever, args=(work,), daemon=True) for work in (produce, consume)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert seen == set(range(count))
