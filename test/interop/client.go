// amqp091-go: publish with confirms, then consume with prefetch and dead-letter one message.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(ok bool, what string) {
	if !ok {
		must(fmt.Errorf("failed: %s", what))
	}
}

func publish(ch *amqp.Channel, queue string) {
	must(ch.Confirm(false))
	// Deferred confirmations of amqp091-go before 1.8 miss an answer that comes before the call that sent the message is back.
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 20))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i := 0; i < 20; i++ {
		m := amqp.Publishing{DeliveryMode: 2, Body: []byte(strconv.Itoa(i)), Headers: amqp.Table{"n": int32(i)}}
		must(ch.PublishWithContext(ctx, "", queue, true, false, m))
		select {
		case confirmed := <-confirms:
			check(confirmed.Ack && confirmed.DeliveryTag == uint64(i+1), "confirm")
		case <-ctx.Done():
			must(ctx.Err())
		}
	}
}

func consume(ch *amqp.Channel, queue, dead string) {
	must(ch.Qos(5, 0, false))
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	must(err)
	for i := 0; i < 20; i++ {
		d := <-deliveries
		check(string(d.Body) == strconv.Itoa(i) && d.Headers["n"] == int32(i), "order and headers of "+string(d.Body))
		if i == 7 {
			must(d.Nack(false, false))
		} else {
			must(d.Ack(false))
		}
	}
	for {
		d, ok, err := ch.Get(dead, true)
		must(err)
		if !ok {
			continue
		}
		death := d.Headers["x-death"].([]interface{})[0].(amqp.Table)
		check(string(d.Body) == "7" && death["reason"] == "rejected" && death["count"] == int64(1), "dead letter")
		return
	}
}

func main() {
	phase, port, queue := os.Args[1], os.Args[2], os.Args[3]
	connection, err := amqp.Dial("amqp://guest:guest@127.0.0.1:" + port + "/")
	must(err)
	ch, err := connection.Channel()
	must(err)
	dead := queue + ".dead"
	_, err = ch.QueueDeclare(dead, true, false, false, false, nil)
	must(err)
	args := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
	_, err = ch.QueueDeclare(queue, true, false, false, false, args)
	must(err)
	if phase == "publish" {
		publish(ch, queue)
	} else {
		consume(ch, queue, dead)
	}
	must(connection.Close())
}
