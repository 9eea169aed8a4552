"""The steps of RabbitMQ's seven tutorials with pika, as their readers write them; names get a prefix."""
import sys
import uuid

import pika

port, prefix = int(sys.argv[1]), sys.argv[2]
parameters = pika.ConnectionParameters(host="localhost", port=port)
quorum = {"x-queue-type": "quorum"}


def open_channel():
    connection = pika.BlockingConnection(parameters)
    return connection, connection.channel()


def take(channel, queue, count, auto_ack=True):
    """The next bodies of a queue, in order."""
    bodies = []
    for method, _properties, body in channel.consume(queue, auto_ack=auto_ack, inactivity_timeout=10):
        assert method is not None, f"only {bodies} of {count} from {queue}"
        if not auto_ack:
            channel.basic_ack(method.delivery_tag)
        bodies.append(body.decode())
        if len(bodies) == count:
            break
    channel.cancel()
    return bodies


connection, channel = open_channel()

# One: hello, world.
hello = prefix + "hello"
channel.queue_declare(queue=hello, durable=True, arguments=quorum)
channel.basic_publish(exchange="", routing_key=hello, body="Hello World!")
assert take(channel, hello, 1) == ["Hello World!"]

# Two: work queues.
tasks = prefix + "task_queue"
channel.queue_declare(queue=tasks, durable=True, arguments=quorum)
for n in range(6):
    persistent = pika.BasicProperties(delivery_mode=2)
    channel.basic_publish(exchange="", routing_key=tasks, body=f"task {n}", properties=persistent)
workers = [open_channel() for _ in range(2)]
done = [[], []]


def work(n):
    def on_task(ch, method, _properties, body):
        done[n].append(body.decode())
        ch.basic_ack(delivery_tag=method.delivery_tag)

    return on_task


for n, (_, ch) in enumerate(workers):
    ch.basic_qos(prefetch_count=1)
    ch.basic_consume(queue=tasks, on_message_callback=work(n))
for _ in range(200):
    for c, _ch in workers:
        c.process_data_events(time_limit=0.05)
    if len(done[0]) + len(done[1]) == 6:
        break
assert sorted(done[0] + done[1]) == [f"task {n}" for n in range(6)], done
assert done[0] and done[1], done
for c, _ch in workers:
    c.close()

# Three: publish and subscribe.
logs = prefix + "logs"
channel.exchange_declare(exchange=logs, exchange_type="fanout")
subscribers = []
for _ in range(2):
    result = channel.queue_declare(queue="", exclusive=True)
    assert result.method.queue.startswith("amq.gen-")
    channel.queue_bind(exchange=logs, queue=result.method.queue)
    subscribers.append(result.method.queue)
channel.basic_publish(exchange=logs, routing_key="", body="info: Hello World!")
for queue in subscribers:
    assert take(channel, queue, 1) == ["info: Hello World!"]


def receiver(exchange, keys):
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    for key in keys:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=key)
    return queue


# Four: routing.
direct = prefix + "direct_logs"
channel.exchange_declare(exchange=direct, exchange_type="direct")
to_disk, to_screen = receiver(direct, ["error"]), receiver(direct, ["info", "warning", "error"])
for severity in ("info", "warning", "error", "debug"):
    channel.basic_publish(exchange=direct, routing_key=severity, body=severity)
assert take(channel, to_disk, 1) == ["error"]
assert take(channel, to_screen, 3) == ["info", "warning", "error"]

# Five: topics.
topic = prefix + "topic_logs"
channel.exchange_declare(exchange=topic, exchange_type="topic")
every, kernel, critical = receiver(topic, ["#"]), receiver(topic, ["kern.*"]), receiver(topic, ["*.critical"])
for key in ("kern.critical", "kern.info", "cron.critical", "a.b.c"):
    channel.basic_publish(exchange=topic, routing_key=key, body=key)
assert take(channel, every, 4) == ["kern.critical", "kern.info", "cron.critical", "a.b.c"]
assert take(channel, kernel, 2) == ["kern.critical", "kern.info"]
assert take(channel, critical, 2) == ["kern.critical", "cron.critical"]

# Six: remote procedure calls.
server, serving = open_channel()
rpc = prefix + "rpc_queue"
serving.queue_declare(queue=rpc, durable=True, arguments=quorum)
serving.basic_qos(prefetch_count=1)


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def on_request(ch, method, props, body):
    reply = pika.BasicProperties(correlation_id=props.correlation_id)
    ch.basic_publish(exchange="", routing_key=props.reply_to, properties=reply, body=str(fibonacci(int(body))))
    ch.basic_ack(delivery_tag=method.delivery_tag)


serving.basic_consume(queue=rpc, on_message_callback=on_request)
callback = channel.queue_declare(queue="", exclusive=True).method.queue
answers = {}
channel.basic_consume(
    queue=callback,
    on_message_callback=lambda _ch, _m, props, body: answers.update({props.correlation_id: body}),
    auto_ack=True,
)
call = str(uuid.uuid4())
request = pika.BasicProperties(reply_to=callback, correlation_id=call)
channel.basic_publish(exchange="", routing_key=rpc, properties=request, body="12")
for _ in range(200):
    server.process_data_events(time_limit=0.05)
    connection.process_data_events(time_limit=0.05)
    if answers:
        break
assert answers == {call: b"144"}, answers
server.close()

# Seven: publisher confirms.
confirming = connection.channel()
confirming.confirm_delivery()
queue = confirming.queue_declare(queue="", exclusive=True).method.queue
for n in range(50):
    confirming.basic_publish(exchange="", routing_key=queue, body=str(n), mandatory=True)
try:
    confirming.basic_publish(exchange="", routing_key=prefix + "nowhere", body="", mandatory=True)
    raise AssertionError("an unroutable message was confirmed")
except pika.exceptions.UnroutableError:
    pass
assert confirming.queue_declare(queue=queue, passive=True).method.message_count == 50
connection.close()
