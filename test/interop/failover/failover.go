// amqp091-go has no recovery of its own: a loop that dials the next node when NotifyClose says that a connection has ended.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	ports []string
	queue string
	count int
	lock  sync.Mutex
	seen  = map[int]bool{}
)

func received() int {
	lock.Lock()
	defer lock.Unlock()
	return len(seen)
}

func forever(work func(*amqp.Channel, chan *amqp.Error) error) {
	for turn := 0; received() < count; turn++ {
		config := amqp.Config{Heartbeat: 10 * time.Second, Dial: amqp.DefaultDial(6 * time.Second)}
		connection, err := amqp.DialConfig("amqp://guest:guest@127.0.0.1:"+ports[turn%len(ports)]+"/", config)
		if err == nil {
			closed := connection.NotifyClose(make(chan *amqp.Error, 1))
			var channel *amqp.Channel
			if channel, err = connection.Channel(); err == nil {
				if _, err = channel.QueueDeclare(queue, true, false, false, false, nil); err == nil {
					_ = work(channel, closed)
				}
			}
			_ = connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

var next = 0

func produce(channel *amqp.Channel, closed chan *amqp.Error) error {
	if err := channel.Confirm(false); err != nil {
		return err
	}
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	for next < count {
		m := amqp.Publishing{DeliveryMode: 2, Body: []byte(strconv.Itoa(next))}
		if err := channel.PublishWithContext(context.Background(), "", queue, false, false, m); err != nil {
			return err
		}
		select {
		case c, ok := <-confirms:
			if !ok || !c.Ack {
				return fmt.Errorf("not confirmed")
			}
			next++
		case err := <-closed:
			return fmt.Errorf("closed: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	for received() < count {
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

func consume(channel *amqp.Channel, _ chan *amqp.Error) error {
	if err := channel.Qos(20, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	// The channel of deliveries is closed together with the connection.
	for d := range deliveries {
		n, _ := strconv.Atoi(string(d.Body))
		if err := d.Ack(false); err != nil {
			return err
		}
		lock.Lock()
		seen[n] = true
		fmt.Println(len(seen))
		done := len(seen) == count
		lock.Unlock()
		if done {
			return nil
		}
	}
	return nil
}

func main() {
	ports, queue = strings.Split(os.Args[1], ","), os.Args[2]
	count, _ = strconv.Atoi(os.Args[3])
	var all sync.WaitGroup
	for _, work := range []func(*amqp.Channel, chan *amqp.Error) error{produce, consume} {
		all.Add(1)
		go func(w func(*amqp.Channel, chan *amqp.Error) error) {
			defer all.Done()
			forever(w)
		}(work)
	}
	all.Wait()
	for i := 0; i < count; i++ {
		if !seen[i] {
			fmt.Println("missing", i)
			os.Exit(1)
		}
	}
}
