# bunny: publish with confirms, then consume with prefetch and dead-letter one message.
require 'bunny'

phase, port, name = ARGV
connection = Bunny.new(port: port.to_i).start
channel = connection.create_channel
dead = channel.queue("#{name}.dead", durable: true)
queue = channel.queue(name, durable: true, arguments: {
  'x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => dead.name
})
if phase == 'publish'
  channel.confirm_select
  20.times { |i| queue.publish(i.to_s, persistent: true, headers: { 'n' => i }) }
  raise 'not confirmed' unless channel.wait_for_confirms
else
  channel.prefetch(5)
  seen = []
  done = Queue.new
  queue.subscribe(manual_ack: true) do |info, properties, body|
    raise 'headers' unless properties.headers == { 'n' => body.to_i }
    seen << body.to_i
    body == '7' ? channel.nack(info.delivery_tag) : channel.ack(info.delivery_tag)
    done << true if seen.size == 20
  end
  done.pop
  raise seen.inspect unless seen == (0...20).to_a
  sleep 0.05 while dead.message_count.zero?
  _info, properties, body = dead.pop
  raise 'dead letter' unless body == '7' && properties.headers['x-death'][0]['reason'] == 'rejected'
end
connection.close
