# The steps of RabbitMQ's seven tutorials with bunny, as their readers write them; names get a prefix.
require 'bunny'
require 'securerandom'

port, prefix = ARGV
$connection = Bunny.new(port: port.to_i, automatically_recover: false).start
channel = $connection.create_channel
quorum = { 'x-queue-type' => 'quorum' }

def expect(found, wanted, what)
  raise "#{what}: #{found.inspect} instead of #{wanted.inspect}" unless found == wanted
end

# The next bodies of a queue, in order.
def take(queue, count)
  bodies = Queue.new
  consumer = queue.subscribe { |_info, _properties, body| bodies << body }
  found = Array.new(count) { bodies.pop }
  consumer.cancel
  found
end

# One: hello, world.
hello = channel.queue("#{prefix}hello", durable: true, arguments: quorum)
channel.default_exchange.publish('Hello World!', routing_key: hello.name)
expect(take(hello, 1), ['Hello World!'], 'hello')

# Two: work queues.
tasks = channel.queue("#{prefix}task_queue", durable: true, arguments: quorum)
done = Queue.new
2.times do |n|
  ch = $connection.create_channel
  ch.prefetch(1)
  ch.queue(tasks.name, durable: true, arguments: quorum).subscribe(manual_ack: true) do |info, _properties, body|
    done << [n, body]
    ch.ack(info.delivery_tag)
  end
end
6.times { |n| tasks.publish("task #{n}", persistent: true) }
finished = Array.new(6) { done.pop }
expect(finished.map(&:last).sort, Array.new(6) { |n| "task #{n}" }, 'tasks')
expect(finished.map(&:first).uniq.sort, [0, 1], 'workers')

# Three: publish and subscribe.
logs = channel.fanout("#{prefix}logs")
subscribers = Array.new(2) { channel.queue('', exclusive: true).bind(logs) }
logs.publish('info: Hello World!')
subscribers.each { |q| expect(take(q, 1), ['info: Hello World!'], 'logs') }

def receiver(channel, exchange, keys)
  queue = channel.queue('', exclusive: true)
  keys.each { |key| queue.bind(exchange, routing_key: key) }
  queue
end

# Four: routing.
direct = channel.direct("#{prefix}direct_logs")
to_disk = receiver(channel, direct, %w[error])
to_screen = receiver(channel, direct, %w[info warning error])
%w[info warning error debug].each { |severity| direct.publish(severity, routing_key: severity) }
expect(take(to_disk, 1), %w[error], 'errors')
expect(take(to_screen, 3), %w[info warning error], 'the screen')

# Five: topics.
topic = channel.topic("#{prefix}topic_logs")
every = receiver(channel, topic, %w[#])
kernel = receiver(channel, topic, %w[kern.*])
critical = receiver(channel, topic, %w[*.critical])
%w[kern.critical kern.info cron.critical a.b.c].each { |key| topic.publish(key, routing_key: key) }
expect(take(every, 4), %w[kern.critical kern.info cron.critical a.b.c], 'everything')
expect(take(kernel, 2), %w[kern.critical kern.info], 'the kernel')
expect(take(critical, 2), %w[kern.critical cron.critical], 'critical')

# Six: remote procedure calls.
def fibonacci(n)
  n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
end
serving = $connection.create_channel
serving.queue("#{prefix}rpc_queue", durable: true, arguments: quorum).subscribe do |_info, properties, body|
  serving.default_exchange.publish(
    fibonacci(body.to_i).to_s, routing_key: properties.reply_to, correlation_id: properties.correlation_id
  )
end
callback = channel.queue('', exclusive: true)
answers = Queue.new
callback.subscribe { |_info, properties, body| answers << [properties.correlation_id, body] }
call = SecureRandom.uuid
channel.default_exchange.publish(
  '12', routing_key: "#{prefix}rpc_queue", correlation_id: call, reply_to: callback.name
)
expect(answers.pop, [call, '144'], 'the answer')

# Seven: publisher confirms.
confirming = $connection.create_channel
confirming.confirm_select
queue = confirming.queue('', exclusive: true)
50.times do |n|
  queue.publish(n.to_s)
  raise 'not confirmed' unless n % 10 != 9 || confirming.wait_for_confirms
end
expect(queue.message_count, 50, 'confirmed messages')
$connection.close
