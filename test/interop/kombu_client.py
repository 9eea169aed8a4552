"""kombu: publish with confirms, then consume with prefetch and dead-letter one message."""
import socket
import sys

from kombu import Connection, Consumer, Queue

phase, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dead = Queue(name + ".dead", durable=True)
queue = Queue(
    name, durable=True, queue_arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name}
)
options = {"confirm_publish": True}
with Connection(f"amqp://guest:guest@127.0.0.1:{port}//", transport_options=options) as connection:
    channel = connection.channel()
    for q in (dead, queue):
        q(channel).declare()
    if phase == "publish":
        producer = connection.Producer(channel)
        for i in range(20):
            producer.publish({"n": i}, routing_key=name, delivery_mode=2, serializer="json")
    else:
        seen = []

        def on_message(body, message):
            seen.append(body["n"])
            if body["n"] == 7:
                message.reject()
            else:
                message.ack()

        with Consumer(channel, queues=[queue], callbacks=[on_message], prefetch_count=5):
            while len(seen) < 20:
                connection.drain_events(timeout=10)
        assert seen == list(range(20)), seen
        letter = None
        while letter is None:
            letter = dead(channel).get(no_ack=True)
        assert letter.payload == {"n": 7} and letter.headers["x-death"][0]["reason"] == "rejected"
