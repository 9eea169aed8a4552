"""pika: publish with confirms, then consume with prefetch and dead-letter one message."""
import sys

import pika

phase, port, queue = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connection = pika.BlockingConnection(pika.ConnectionParameters(port=port))
channel = connection.channel()
dead = queue + ".dead"
channel.queue_declare(dead, durable=True)
channel.queue_declare(
    queue, durable=True, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
)
if phase == "publish":
    channel.confirm_delivery()
    for i in range(20):
        properties = pika.BasicProperties(delivery_mode=2, headers={"n": i}, content_type="text/plain")
        channel.basic_publish("", queue, str(i), properties, mandatory=True)
else:
    channel.basic_qos(prefetch_count=5)
    seen = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=10):
        assert method is not None, "no delivery"
        seen.append(int(body))
        assert properties.headers == {"n": int(body)}, properties.headers
        if body == b"7":
            channel.basic_nack(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag)
        if len(seen) == 20:
            break
    channel.cancel()
    assert seen == list(range(20)), seen
    method, properties, body = channel.basic_get(dead, auto_ack=True)
    assert body == b"7" and properties.headers["x-death"][0]["reason"] == "rejected"
    assert channel.queue_declare(queue, passive=True).method.message_count == 0
connection.close()
