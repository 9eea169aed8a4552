// The steps of RabbitMQ's seven tutorials with amqp091-go, as their readers write them; names get a prefix.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func failOnError(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func expect(found, wanted interface{}, what string) {
	if fmt.Sprint(found) != fmt.Sprint(wanted) {
		failOnError(fmt.Errorf("%v instead of %v", found, wanted), what)
	}
}

var ctx, cancel = context.WithTimeout(context.Background(), 30*time.Second)
var quorum = amqp.Table{"x-queue-type": "quorum"}

func declare(ch *amqp.Channel, name string) amqp.Queue {
	q, err := ch.QueueDeclare(name, name != "", false, name == "", false, argumentsOf(name))
	failOnError(err, "declare a queue")
	return q
}

func argumentsOf(name string) amqp.Table {
	if name == "" {
		return nil
	}
	return quorum
}

func publish(ch *amqp.Channel, exchange, key string, m amqp.Publishing) {
	failOnError(ch.PublishWithContext(ctx, exchange, key, false, false, m), "publish")
}

func text(body string) amqp.Publishing {
	return amqp.Publishing{ContentType: "text/plain", Body: []byte(body)}
}

// take returns the next bodies of a queue, in order.
func take(ch *amqp.Channel, queue string, count int) []string {
	deliveries, err := ch.Consume(queue, queue+"-taker", true, false, false, false, nil)
	failOnError(err, "consume")
	bodies := []string{}
	for len(bodies) < count {
		select {
		case d := <-deliveries:
			bodies = append(bodies, string(d.Body))
		case <-ctx.Done():
			failOnError(ctx.Err(), "deliveries of "+queue)
		}
	}
	failOnError(ch.Cancel(queue+"-taker", false), "cancel")
	return bodies
}

func receiver(ch *amqp.Channel, exchange string, keys ...string) string {
	q := declare(ch, "")
	for _, key := range keys {
		failOnError(ch.QueueBind(q.Name, key, exchange, false, nil), "bind")
	}
	return q.Name
}

func exchange(ch *amqp.Channel, name, kind string) string {
	failOnError(ch.ExchangeDeclare(name, kind, true, false, false, false, nil), "declare an exchange")
	return name
}

func workQueues(conn *amqp.Connection, ch *amqp.Channel, prefix string) {
	q := declare(ch, prefix+"task_queue")
	type result struct {
		worker int
		body   string
	}
	done := make(chan result, 6)
	for n := 0; n < 2; n++ {
		worker, err := conn.Channel()
		failOnError(err, "channel")
		failOnError(worker.Qos(1, 0, false), "qos")
		tasks, err := worker.Consume(q.Name, "", false, false, false, false, nil)
		failOnError(err, "consume")
		go func(n int) {
			for d := range tasks {
				done <- result{n, string(d.Body)}
				failOnError(d.Ack(false), "ack")
			}
		}(n)
	}
	for n := 0; n < 6; n++ {
		publish(ch, "", q.Name, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(strconv.Itoa(n))})
	}
	bodies, workers := []string{}, map[int]bool{}
	for len(bodies) < 6 {
		r := <-done
		bodies, workers[r.worker] = append(bodies, r.body), true
	}
	sort.Strings(bodies)
	expect(bodies, []string{"0", "1", "2", "3", "4", "5"}, "tasks")
	expect(len(workers), 2, "workers")
}

func topics(ch *amqp.Channel, prefix string) {
	logs := exchange(ch, prefix+"logs_topic", "topic")
	every, kernel, critical := receiver(ch, logs, "#"), receiver(ch, logs, "kern.*"), receiver(ch, logs, "*.critical")
	keys := []string{"kern.critical", "kern.info", "cron.critical", "a.b.c"}
	for _, key := range keys {
		publish(ch, logs, key, text(key))
	}
	expect(take(ch, every, 4), keys, "everything")
	expect(take(ch, kernel, 2), keys[:2], "the kernel")
	expect(take(ch, critical, 2), []string{"kern.critical", "cron.critical"}, "critical")
}

func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

func remoteCalls(conn *amqp.Connection, ch *amqp.Channel, prefix string) {
	serving, err := conn.Channel()
	failOnError(err, "channel")
	q := declare(serving, prefix+"rpc_queue")
	requests, err := serving.Consume(q.Name, "", false, false, false, false, nil)
	failOnError(err, "consume")
	go func() {
		for d := range requests {
			n, err := strconv.Atoi(string(d.Body))
			failOnError(err, "the request")
			answer := amqp.Publishing{CorrelationId: d.CorrelationId, Body: []byte(strconv.Itoa(fibonacci(n)))}
			publish(serving, "", d.ReplyTo, answer)
			failOnError(d.Ack(false), "ack")
		}
	}()
	callback := declare(ch, "")
	answers, err := ch.Consume(callback.Name, "", true, false, false, false, nil)
	failOnError(err, "consume")
	publish(ch, "", q.Name, amqp.Publishing{CorrelationId: "call", ReplyTo: callback.Name, Body: []byte("12")})
	answer := <-answers
	expect(answer.CorrelationId+string(answer.Body), "call144", "the answer")
}

func confirms(conn *amqp.Connection) {
	ch, err := conn.Channel()
	failOnError(err, "channel")
	q := declare(ch, "")
	failOnError(ch.Confirm(false), "confirm")
	// Not deferred confirmations: those of amqp091-go before 1.8 miss answers that are faster than their own bookkeeping.
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 50))
	for n := 0; n < 50; n++ {
		failOnError(ch.PublishWithContext(ctx, "", q.Name, true, false, text(strconv.Itoa(n))), "publish")
	}
	for n := 0; n < 50; n++ {
		select {
		case confirmed := <-confirms:
			expect(confirmed.Ack, true, "confirm")
		case <-ctx.Done():
			failOnError(ctx.Err(), "confirms")
		}
	}
	q, err = ch.QueueInspect(q.Name)
	failOnError(err, "inspect")
	expect(q.Messages, 50, "confirmed messages")
}

func main() {
	defer cancel()
	port, prefix := os.Args[1], os.Args[2]
	conn, err := amqp.Dial("amqp://guest:guest@localhost:" + port + "/")
	failOnError(err, "connect")
	ch, err := conn.Channel()
	failOnError(err, "channel")
	hello := declare(ch, prefix+"hello")
	publish(ch, "", hello.Name, text("Hello World!"))
	expect(take(ch, hello.Name, 1), []string{"Hello World!"}, "hello")
	workQueues(conn, ch, prefix)
	logs := exchange(ch, prefix+"logs", "fanout")
	subscribers := []string{receiver(ch, logs, ""), receiver(ch, logs, "")}
	publish(ch, logs, "", text("info: Hello World!"))
	for _, q := range subscribers {
		expect(take(ch, q, 1), []string{"info: Hello World!"}, "logs")
	}
	direct := exchange(ch, prefix+"logs_direct", "direct")
	disk, screen := receiver(ch, direct, "error"), receiver(ch, direct, "info", "warning", "error")
	for _, severity := range []string{"info", "warning", "error", "debug"} {
		publish(ch, direct, severity, text(severity))
	}
	expect(take(ch, disk, 1), []string{"error"}, "errors")
	expect(take(ch, screen, 3), []string{"info", "warning", "error"}, "the screen")
	topics(ch, prefix)
	remoteCalls(conn, ch, prefix)
	confirms(conn)
	failOnError(conn.Close(), "close")
}
