"""A Celery application: one task with a result, one that fails twice and is retried."""
import os

from celery import Celery

app = Celery("app", broker=os.environ["BROKER_URL"], backend="rpc://")
app.conf.update(result_expires=60, task_acks_late=True, broker_connection_retry_on_startup=True)
app.conf.task_default_queue = os.environ["QUEUE"]


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="flaky", bind=True, max_retries=5)
def flaky(self, value):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return [value, self.request.retries]


if __name__ == "__main__":
    assert add.delay(2, 3).get(timeout=100) == 5
    assert flaky.delay("x").get(timeout=100) == ["x", 2]
    assert [r.get(timeout=100) for r in [add.delay(i, i) for i in range(50)]] == [2 * i for i in range(50)]
